"""What the help of the commands says."""

DESCRIPTION = "Search for the best hyper-parameters of models that are expensive to evaluate."

DEBUG = "show tracebacks of errors, and what evaluations with one worker print"

EXAMPLES = """\
examples:
  hpopt run digits.toml              search, or go on with the study of this run file
  hpopt show digits.db               the best trials and the state of the rest, also meanwhile
  hpopt resume digits.db             go on after a crash or Ctrl-C
  hpopt best digits.db > best.json   the best config
  hpopt export digits.db --csv       all trials
  hpopt plot digits.db all -o plots  all figures
  hpopt report digits.db             all of it as a page in one file
  hpopt dashboard digits.db --open   the same page, live
  hpopt COMMAND --help               more on each
"""

RUN_FILE = """\
example:
  hpopt run digits.toml --trials 100 --workers 2

  where digits.toml says (JSON with the same keys in digits.json works too):

    study = "digits.db"      # relative to where you are; left out: in memory only
    trials = 60              # end with this many trials in all,
    timeout = "20m"          # … or after this time (of each run): seconds, "90s", "2h",
    target = 0.99            # … or when the first objective is as good as this,
    plateau = 30             # … or when the best has not changed for so many trials
    seed = 0
    # learn_from = "earlier.db"  # what it found is known from the start
    workers = 2              # or "auto"
    # executor = "processes"  # or a table [executor] with name = "slurm" and what jobs need
    # gpus = "auto" or [0, 1]; trials_per_gpu = 1; window = 4
    # retries = 1              # of a trial whose worker was lost
    # fail_fast = 3            # end when the first so many trials fail alike; 0: never
    # early_stopping = "halving"   # or a table [early_stopping] with name and its settings

    [problem]
    class = "digits.py:Digits"   # relative to this file; or "module:Class"; or a function
    arguments = { epochs = 20 }  # (or an object) that makes (or is) an hpopt.Problem
    # function = "digits.py:error"  # or: a function of a config, of what [space] defines
    # command = "./train --rate {rate}"  # or: a command, which prints {"loss": 0.25}

    # [objectives]           # of such a function, or of a problem without any
    # error = "minimize"     # the default is one value to be minimised

    # [constraints]          # bounds on what an evaluation returns: the best meets them all
    # latency = ["<=", 0.02] # or: latency = "<= 0.02"

    [optimizer]              # or: optimizer = "genetic"
    name = "genetic"         # the default is "auto", which chooses
    population = 12          # and any other argument of it

    [space]                  # changes to the problem's own space, by name:
    learning_rate = { high = 0.01 }                        # another bound
    units = { type = "int", low = 8, high = 64, log = true }  # another parameter

    [limits]                 # of each trial
    seconds = 120
    memory = "4GB"

    [[start]]                # configs to try first
    learning_rate = 0.001
    units = 32
"""
