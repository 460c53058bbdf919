"""Go's values, texts and times for the languages that come from Go programs: template, sprig, expr-lang.

A value is a plain Python value with Go's type behind it (``values.py``):

| Python | Go |
| --- | --- |
| ``None`` | ``nil`` |
| ``bool``, ``str`` | ``bool``, ``string`` |
| plain ``int``, ``float`` | ``float64``: every number of a JSON document |
| ``Int``, ``Int64``, … | ``int``, ``int64``, … |
| ``list``, ``dict`` | ``[]interface {}``, ``map[string]interface {}`` |
| ``Strings``, ``Ints``, ``StringMap``, … | ``[]string``, ``[]int``, ``map[string]string``, … |
| ``GoObject`` | ``time.Time``, ``*semver.Version``, … |

A Go string is bytes. Here it is a ``str`` where a byte that is not UTF-8 stands as its surrogate (``surrogateescape``).
"""
