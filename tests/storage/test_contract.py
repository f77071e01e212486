from hpopt.storage import MemoryStorage, SQLiteStorage
from hpopt.testing import DurableStorageContract, StorageContract


class TestMemoryStorage(StorageContract):
    def make(self, folder):
        return MemoryStorage()


class TestSQLiteStorage(DurableStorageContract):
    def make(self, folder):
        return SQLiteStorage(folder / "study.db")
