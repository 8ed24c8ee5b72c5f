"""Its place makes `notebooks.py` beside it importable from the tests here."""
