"""All tests in two pytest sessions side by side, told as one.

`shares.py` says which session a test file belongs to, `recorder.py` runs inside each session and writes down what happens,
`session.py` starts a session and reads that, `progress.py` shows it meanwhile and `report.py` at the end.
"""
