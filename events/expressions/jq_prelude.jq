# Definitions that come before every program, so that libjq answers as gojq 0.12, which existing programs were written for.

# What gojq does not know ends the program without an output.
def _unknown: halt;
def input: _unknown;
def inputs: _unknown;
def debug: _unknown;
def debug(m): _unknown;
def stderr: _unknown;
def input_filename: _unknown;
def input_line_number: _unknown;
def get_search_list: _unknown;
def get_jq_origin: _unknown;
def get_prog_origin: _unknown;
def modulemeta: _unknown;
def have_decnum: _unknown;
def have_literal_numbers: _unknown;
def keys_unsorted: _unknown;
def lgamma_r: _unknown;
def halt_error: _unknown;
def halt_error($code): _unknown;

# Objects are walked in the order of their keys.
def _each: if type == "object" then .[keys[]] else .[] end;
def map(f): [_each | f];
def add: reduce _each as $x (null; . + $x);
def recurse: recurse(_each?);
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def with_entries(f): to_entries | map(f) | from_entries;
def paths: path(..) | select(. != []);
def paths(f): path(.. | select(f)) | select(. != []);
def tostream:
  path(def r: (_each? | r), .; r) as $p
  | getpath($p)
  | reduce path(_each?) as $q ([$p, .]; [$p + $q]);
def walk(f):
  def _walk: if type == "array" then map(_walk) elif type == "object" then map_values(_walk) else . end | f;
  _walk;
def combinations(n): [limit(n; repeat(.))] | combinations;

# Numbers are spelled as Go does: plain from 1e-6 up to 1e21.
def _zeros($n): if $n > 0 then "0" * $n else "" end;
def _spell:
  . as $n
  | (if $n < 0 or ($n == 0 and (1 / ($n | copysign(1; .))) < 0) then "-" else "" end) as $sign
  | ($n * 1 | tojson | ltrimstr("-")) as $text
  | ($text | split("e") | if length == 1 then [.[0], "0"] else . end) as [$mantissa, $exponent]
  | ($mantissa | split(".")) as $parts
  | ($parts[1] // "") as $fraction
  | ($parts[0] + $fraction) as $all
  | ($all | explode | (map(. != 48) | index(true)) // length) as $lead
  | $all[$lead:] as $digits
  | if $digits == "" then $sign + "0"
    else
      ($parts[0] | length) - $lead + ($exponent | ltrimstr("+") | tonumber) as $point
      | ($digits | until(endswith("0") | not; .[:-1])) as $digits
      | ($digits | length) as $len
      | if $point > 21 or $point <= -6 then
          $sign + $digits[:1] + (if $len > 1 then "." + $digits[1:] else "" end)
          + "e" + (if $point > 0 then "+" else "-" end) + ($point - 1 | fabs | tojson)
        elif $point <= 0 then $sign + "0." + _zeros(-$point) + $digits
        elif $point >= $len then $sign + $digits + _zeros($point - $len)
        else $sign + $digits[:$point] + "." + $digits[$point:]
        end
    end;
def _number:
  if isnan then "null"
  elif isinfinite then (if . > 0 then "1.7976931348623157e+308" else "-1.7976931348623157e+308" end)
  elif . == floor and fabs < 1e15 and . != 0 then . * 1 | tojson
  else _spell
  end;
def _json: tojson;
def tojson:
  def _text:
    if type == "number" then _number
    elif type == "array" then "[" + (reduce .[] as $x (null; (if . == null then "" else . + "," end) + ($x | _text)) // "") + "]"
    elif type == "object" then
      . as $o
      | "{" + (reduce keys[] as $k (null; (if . == null then "" else . + "," end) + ($k | _json) + ":" + ($o[$k] | _text)) // "") + "}"
    else _json
    end;
  _text;
def tostring: if type == "string" then . else tojson end;
def _format($name): format($name);
def format($name):
  if $name == "text" then tostring
  elif $name == "json" then tojson
  elif $name == "csv" or $name == "tsv" or $name == "sh" then _format($name)
  elif $name == "html" or $name == "uri" or $name == "urid" or $name == "base64" or $name == "base64d" then tostring | _format($name)
  else _unknown
  end;
def join($separator):
  reduce .[] as $x (null;
    (if . == null then "" else . + $separator end)
    + ($x | if type == "string" then . elif . == null then "" elif type == "object" or type == "array" then error("cannot join") else tostring end)
  ) // "";
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);

def abs: if type == "number" then (if . < 0 then -. else . end) else error("abs cannot be applied to: \(type)") end;

# Regular expressions: what RE2 refuses is refused.
def _pattern:
  if type != "string" then error("not a string: \(type)")
  elif _match_impl("\\(\\?(=|!|<=|<!|>|#|\\()|\\\\[1-9kgGZhHRXKN]|[*+?}]\\+"; null; true) then error("invalid regular expression")
  else split("(?P<") | join("(?<")
  end;
def match($re; $flags): _match_impl($re | _pattern; $flags; false)[];
def match($re): match($re; null);
def test($re; $flags): _match_impl($re | _pattern; $flags; true);
def test($re): test($re; null);
def _captures: reduce (.captures[] | select(.name != null)) as $c ({}; .[$c.name] = $c.string);
def capture($re; $flags): match($re; $flags) | _captures;
def capture($re): capture($re; null);
def scan($re; $flags): match($re; $flags + "g") | if .captures == [] then .string else [.captures[].string] end;
def scan($re): scan($re; null);
def splits($re; $flags):
  .[foreach (match($re; $flags + "g"), null) as {$offset, $length}
      (null; {start: .next, end: $offset, next: ($offset + $length)})];
def splits($re): splits($re; null);
def split($re; $flags): [splits($re; $flags)];
def sub($re; text; $flags):
  . as $in
  | (reduce match($re; $flags) as $m ({next: 0, parts: []};
       .next as $next
       | $in[$next:$m.offset] as $gap
       | reduce ([$m | _captures | text] | to_entries[]) as $s (.; .parts[$s.key] += $gap + $s.value)
       | .next = $m.offset + $m.length)
     | .next as $next | .parts[] + $in[$next:]) // $in;
def sub($re; text): sub($re; text; null);
def gsub($re; text; $flags): sub($re; text; $flags + "g");
def gsub($re; text): sub($re; text; "g");
