// The live page: studies from the server, and what is new as it comes.
{
  const { state, duration, counted, short } = hpopt;
  const OFTEN = 100; // milliseconds between two drawings of new trials, at least
  const MOST_OF_THE_TIME = 2; // the pause after one, in the time that it took
  const MOST_SHOWN = 20; // rows of running trials; the others are counted

  let known = null; // of each study its epoch and version; null before all are shown
  let states = [], stream = null, waiting = [], isLoading = false, isDrawing = false, isLost = false;

  async function ask(path) {
    const answer = await fetch(path, { cache: "no-store" });
    return answer.json();
  }

  /** Get all studies, where all have been read, and follow them from then on. */
  async function load() {
    if (isLoading || known) return;
    isLoading = true;
    const { studies, said } = await ask("data");
    if (studies.every(Boolean)) {
      await hpopt.show({
        studies: studies.map((each, k) => ({ ...each.packed, importance: said?.importance[k] })), sections: said?.sections,
      });
      known = studies.map(({ epoch, version }) => ({ epoch, version }));
      waiting = []; // all of it comes again
      listen();
    }
    isLoading = false;
    if (known) openFromAddress();
  }

  function listen() {
    stream?.close();
    const at = known ? known.map(({ epoch, version }) => `${epoch}.${version}`).join(",") : "";
    stream = new EventSource(`events?at=${at}`);
    stream.addEventListener("state", ({ data }) => {
      isLost = false;
      states = JSON.parse(data);
      if (!known && states.every((each) => !each.reading)) load();
      now();
    });
    stream.addEventListener("trials", ({ data }) => take(JSON.parse(data)));
    stream.addEventListener("said", ({ data }) => take({ said: JSON.parse(data) }));
    // Another file is in its place, or too much is new.
    stream.addEventListener("reload", () => (known ? location.reload() : load()));
    stream.onerror = () => {
      isLost = true;
      now();
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    };
  }

  /** Draw what has come, with pauses, so that the page can be used meanwhile. */
  async function take(message) {
    waiting.push(message);
    if (isDrawing || !known) return;
    isDrawing = true;
    while (waiting.length) {
      const some = waiting, began = performance.now();
      waiting = [];
      for (const each of some) await (each.said ? write(each.said) : add(each));
      const took = performance.now() - began;
      document.documentElement.dataset.took = took.toFixed(0);
      await new Promise((done) => setTimeout(done, Math.max(OFTEN, MOST_OF_THE_TIME * took)));
    }
    isDrawing = false;
  }

  async function add({ study, epoch, version, packed }) {
    await hpopt.update({ studies: state.studies.map((_, k) => (k === study ? packed : null)) });
    known[study] = { epoch, version };
  }

  async function write({ sections, importance }) {
    importance.forEach((each, k) => { state.studies[k].importance = each; });
    await hpopt.update({ studies: state.studies.map(() => null), sections });
  }

  /** Write what runs, and what has become of the files. */
  function now() {
    const blocks = isLost ? [paragraph("The dashboard does not answer: it has ended, or the connection "
      + "to it is cut. This is how the studies were then.", "warning")] : [];
    for (const each of states) {
      if (states.length > 1) blocks.push({ kind: "heading", text: each.name });
      blocks.push(...blocksOf(each));
    }
    hpopt.write([{ id: "now", blocks }]);
  }

  function blocksOf(each) {
    if (each.problem) return [paragraph(`The file cannot be read now: ${each.problem}`, "warning")];
    if (each.reading) return [paragraph(`The study is being read: ${counted(each.n, "trial")} so far.`, "note")];
    const finished = `${counted(each.n, "trial")} finished`;
    if (!each.writer) {
      const left = each.n_running ? `; ${counted(each.n_running, "other")} had not` : "";
      return [paragraph(`No process is running this study. ${finished}${left}.`)];
    }
    const found = [paragraph(`${finished}, ${each.n_running} running, by ${each.writer}.`)];
    if (each.running.length) found.push(tableOf(each.running.slice(0, MOST_SHOWN)));
    if (each.n_running > MOST_SHOWN) found.push(paragraph(`And ${each.n_running - MOST_SHOWN} more.`, "note"));
    return found;
  }

  function tableOf(running) {
    const lasted = ({ since }) => (since === null ? "" : duration(Math.max(0, Math.round(Date.now() / 1000 - since))));
    return {
      kind: "table", head: ["trial", "for", "step", "value", "where", "config"], caption: "",
      rows: running.map((each) => [String(each.number), lasted(each), each.step, each.value, each.where, short(each.config, 200)]),
    };
  }

  function paragraph(text, tone = "") {
    return { kind: "paragraph", text, tone };
  }

  hpopt.askTrial = async (place, number) => {
    const found = await ask(`trials/${place}/${number}`);
    return found.config === undefined ? null : found;
  };

  /** A trial has an address of its own: #trial-STUDY-NUMBER. */
  function openFromAddress() {
    const found = /^#trial-(\d+)-(\d+)$/.exec(location.hash);
    const study = found && state.studies[Number(found[1])];
    const row = study ? study.rowOf.get(Number(found[2])) : undefined;
    if (row !== undefined) hpopt.openTrial(study, row);
  }

  window.addEventListener("hashchange", openFromAddress);
  // A browser keeps six connections to a server at most: a page that nobody sees gives its one up.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream?.close();
    else listen();
  });
  setInterval(() => { if (states.some((each) => each.writer && each.running.length)) now(); }, 1000);
  listen();
}
