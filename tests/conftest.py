"""Its place makes `lessons.py` beside it importable from every test."""
