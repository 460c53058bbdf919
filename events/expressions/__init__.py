"""Languages that users write, one file a language, all pure: text is compiled once, then called with values.

A language raises ``ExpressionError`` when the text does not compile and ``EvaluationError`` when a value does not fit, never
anything else. User patterns run in RE2 only. No clock, no environment, no files; what needs the time is given it.
"""
