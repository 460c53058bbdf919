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
def _row($separator; text; $null):
  if type != "array" then error("a row must be an array") else . end
  | reduce .[] as $x (null;
      (if . == null then "" else . + $separator end)
      + ($x | if type == "string" then text
              elif . == null then $null
              elif type == "array" or type == "object" then error("a row cannot hold an array or object")
              else tojson
              end))
  // "";
def format($name):
  if $name == "text" then tostring
  elif $name == "json" then tojson
  elif $name == "csv" then _row(","; "\"" + (split("\"") | join("\"\"")) + "\""; "")
  elif $name == "tsv" then _row("\t"; reduce (["\\", "\\\\"], ["\t", "\\t"], ["\r", "\\r"], ["\n", "\\n"], ["\u0000", "\\0"]) as [$raw, $escaped] (.; split($raw) | join($escaped)); "")
  elif $name == "sh" then (if type == "array" then . else [.] end) | _row(" "; "'" + (split("'") | join("'\\''") | split("\u0000") | join("\\0")) + "'"; "null")
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

def reverse: if type == "array" then [.[length - 1 - range(0; length)]] else error("reverse cannot be applied to: \(type)") end;
def gamma: tgamma;
def _split($separator): split($separator);
def split($separator): if . == "" and ($separator | type == "string" and . != "") then [""] else _split($separator) end;
def _strftime($format): strftime($format);
def strftime($format): (if ($format | type) == "string" then $format | split("%Z") | join("UTC") else $format end) as $own | _strftime($own);
def fromdateiso8601:
  if type == "string" and (_match_impl("[+-]\\d\\d:?\\d\\d$"; null; true)) then
    (_match_impl("^(.*)([+-])(\\d\\d):?(\\d\\d)$"; null; false)[0].captures | map(.string)) as [$time, $sign, $hours, $minutes]
    | ($time + "Z" | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime) - (($hours | tonumber) * 3600 + ($minutes | tonumber) * 60) * (if $sign == "-" then -1 else 1 end)
  else strptime("%Y-%m-%dT%H:%M:%SZ") | mktime
  end;
def fromdate: fromdateiso8601;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def todate: todateiso8601;

# Regular expressions: RE2's language, put into Oniguruma's words. `_suspect` finds the patterns that may need it; texts with
# other than ASCII characters, and those that end a line, show the differences of \w, \d, \s, \b and $.
def _suspect: _match_impl("[*+?}][*+?{]|\\(\\?(?:[^:<a-z-]|P|<[=!]|[a-z-]*x)|\\\\[0-9ceg-moquypPCF-ORTUVX-Z]"; null; true);
def _classes: {
  d: "0-9", w: "0-9A-Za-z_", s: "\\t\\n\\f\\r ", "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:alnum:]": "0-9A-Za-z",
  "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:space:]": "\\t\\n\\v\\f\\r ", "[:word:]": "0-9A-Za-z_", "[:punct:]": "!-/:-@\\[-`{-~"
};
def _tokens:
  [_match_impl("\\\\[pP]\\{[^}]*\\}|\\\\[pP].|\\\\Q.*?(?:\\\\E|\\z)|\\\\[0-7]{2,3}|\\\\.|\\[:\\^?\\w+:\\]|\\[\\^?\\]?"
    + "|\\(\\?(?:P?<(?![=!])|[a-zA-Z-]*[:)]|.{0,2})|\\{\\d+(?:,\\d*)?\\}|[\\s\\S]"; "g"; false)[].string];
def _bad_pattern: error("invalid regular expression");
def _translated($multiline):
  "[0-9A-Za-z_]" as $w
  | reduce _tokens[] as $t ({out: "", set: false, repeat: 0};
      (if .set then
         if $t == "]" then .set = false | .add = $t
         elif $t | startswith("[:") then .add = (_classes[$t] // $t)
         else .add = (if $t | length == 2 and startswith("\\") then _classes[$t[1:]] // $t else $t end)
         end
       elif $t == "*" or $t == "+" or ($t | startswith("{") and length > 1) then
         if .repeat > 0 then _bad_pattern else .repeat = 2 | .add = $t end
       elif $t == "?" then
         if .repeat == 1 then _bad_pattern else .repeat -= 1 | (if .repeat < 0 then .repeat = 2 else . end) | .add = $t end
       elif $t | startswith("[") then .set = true | .add = $t
       elif $t | startswith("(?P<") then .add = "(?<" + $t[4:]
       elif ($t | startswith("(?")) and ($t | endswith("<") or ((endswith(":") or endswith(")")) and (contains("x") | not)) | not) then _bad_pattern
       elif $t == "$" and ($multiline | not) then .add = "\\z"
       elif $t == "\\b" then .add = "(?:(?<=\($w))(?!\($w))|(?<!\($w))(?=\($w)))"
       elif $t == "\\B" then .add = "(?:(?<=\($w))(?=\($w))|(?<!\($w))(?!\($w)))"
       elif ($t | startswith("\\p") or startswith("\\P")) and ($t | length == 3) then .add = "\($t[:2]){\($t[2:])}"
       elif $t | startswith("\\") and length == 2 then
         if $t | _match_impl("[1-9ceg-moquyCF-ORTUVX-Z]"; null; true) then _bad_pattern
         elif _classes[$t[1:]] then .add = "[" + _classes[$t[1:]] + "]"
         elif _classes[$t[1:] | ascii_downcase] and $t != ($t | ascii_downcase) then .add = "[^" + _classes[$t[1:] | ascii_downcase] + "]"
         else .add = $t
         end
       else .add = $t
       end)
      | (if $t == "*" or $t == "+" or $t == "?" or ($t | startswith("{") and length > 1) then . else .repeat = 0 end)
      | .out += .add)
  | .out;
def _match($re; $flags; $test):
  if type != "string" or ($re | type) != "string" then error("a regular expression and its text must be strings")
  elif $flags != null and ($flags | type != "string" or _match_impl("[^gim]"; null; true)) then error("unsupported regular expression flag")
  else
    (if ($re | _suspect) or length != utf8bytelength or endswith("\n")
       then $re | _translated(_match_impl("\\(\\?[a-z]*m"; null; true))
       else $re
       end) as $pattern
    | if $flags != null and ($flags | contains("m")) then _match_impl("(?s)" + $pattern; $flags | _split("m") | join(""); $test)
      else _match_impl($pattern; $flags; $test)
      end
    | if $test or length < 2 or all(.[]; .length > 0) then .
      else # an empty match right after another match does not count
        reduce .[] as $m ({end: -1, kept: []};
          if $m.length > 0 or $m.offset > .end then .kept += [$m] | .end = $m.offset + $m.length else . end)
        | .kept
      end
  end;
def match($re; $flags): _match($re; $flags; false)[];
def match($re): match($re; null);
def test($re; $flags): _match($re; $flags; true);
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
