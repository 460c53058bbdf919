-- What a script sees instead of Lua's own globals, and how it is run.
-- Called once per interpreter with (upper, lower), Python functions for texts that are not ASCII, and what lua_values.lua returns.
-- Returns: compile(text), filter(chunk, event), transform(chunk, event).
-- Wording and spelling follow gopher-lua 1.1, the interpreter that existing scripts were written for.

local python_upper, python_lower, number_text, spelled, well_formed, encode = ...

local G = getfenv(0)
local type, next, select, error, pcall = type, next, select, error, pcall
local rawget, setmetatable, getmetatable = rawget, setmetatable, getmetatable
local getfenv, setfenv, load, newproxy = getfenv, setfenv, load, newproxy
local raw_tostring, raw_metatable = tostring, debug.getmetatable
local floor, huge = math.floor, math.huge
local sort, raw_concat = table.sort, table.concat
local byte, char, find, gmatch, gsub = string.byte, string.char, string.find, string.gmatch, string.gsub
local match, sub = string.match, string.sub
local rep, raw_format = string.rep, string.format
local date, time, clock, difftime = os.date, os.time, os.clock, os.difftime

-- Functions that differ from Lua's own ----------------------------------------------------------------------------------------

local function tostring(...)
  if select("#", ...) == 0 then error("bad argument #1 to tostring (value expected)", 2) end
  local v = ...
  if type(v) == "number" then return number_text(v) end
  return raw_tostring(v)
end

-- The operator `..`: the compiler wrote `a ..CAT.. b`, which is a .. (CAT .. b): CAT holds b, HELD then joins a and b.
local held
local function operand(v)
  local kind = type(v)
  if kind == "number" then return number_text(v) end
  return kind == "string" and v or nil
end
local HELD = setmetatable({}, { __concat = function(a, _)
  local left, right = operand(a), operand(held)
  if not left or not right then
    error("cannot perform concat operation between " .. type(a) .. " and " .. type(held), 2)
  end
  held = nil
  return left .. right
end })
local CAT = setmetatable({}, { __concat = function(_, b) held = b return HELD end })

local function concat(t, separator, first, last)
  if type(t) ~= "table" then error("bad argument #1 to concat (table expected, got " .. type(t) .. ")", 2) end
  local n = #t
  separator = separator == nil and "" or operand(separator)
  if not separator then error("bad argument #2 to concat (string expected)", 2) end
  first, last = first or 1, last or n
  if first < 1 then first = 1 end
  if last > n then last = n end
  local parts = {}
  for i = first, last do
    local part = operand(rawget(t, i))
    if not part then error("invalid value (" .. type(rawget(t, i)) .. ") at index " .. i .. " in table for concat", 2) end
    parts[#parts + 1] = part
  end
  return raw_concat(parts, separator)
end

local function by_kind(a, b) -- numbers, then strings, then the rest as it comes
  local ka, kb = type(a), type(b)
  if ka ~= kb then return ka == "number" or (ka == "string" and kb ~= "number") end
  return (ka == "number" or ka == "string") and a < b
end

-- In a fixed order, so that the same event always gives the same result: 1..n, other numbers, strings, the rest.
local function pairs(t)
  if type(t) ~= "table" then error("bad argument #1 to pairs (table expected, got " .. type(t) .. ")", 2) end
  local n, keys, count = #t, {}, 0
  for k in next, t do
    if type(k) ~= "number" or k < 1 or k > n or floor(k) ~= k then count = count + 1 keys[count] = k end
  end
  if count > 1 then sort(keys, by_kind) end
  local i = 0
  return function()
    while true do
      i = i + 1
      local k
      if i <= n then k = i else k = keys[i - n] end
      if k == nil then return nil end
      local v = rawget(t, k)
      if v ~= nil then return k, v end
    end
  end, t, nil
end

local FORMAT = "^([-+# 0]*)(%d*)(%.?%d*)([%a%%])"

local function bad_verb(verb, v)
  if v == nil then return "%!" .. verb .. "(lua.LNilType=nil)" end
  return "%!" .. verb .. "(" .. (type(v) == "boolean" and "lua.LBool" or type(v)) .. "=" .. tostring(v) .. ")"
end

local function quoted(s)
  return (gsub(raw_format("%q", s), "\\\n", "\\n"))
end

local function padded(text, flags, width)
  width = (tonumber(width) or 0) - select(2, gsub(text, "[^\128-\191]", ""))
  if width <= 0 then return text end
  return find(flags, "-", 1, true) and text .. rep(" ", width) or rep(" ", width) .. text
end

local function utf8_char(code)
  if code < 0 or code > 0x10ffff or (code >= 0xd800 and code < 0xe000) then code = 0xfffd end
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xc0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then return char(0xe0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64) end
  return char(0xf0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local function format_number(flags, width, precision, verb, n)
  if verb == "s" then return padded(number_text(n), flags, width) end
  if verb == "q" then return padded('"' .. number_text(n) .. '"', flags, width) end
  if verb == "c" then return padded(utf8_char(n < 0 and -floor(-n) or floor(n)), flags, width) end
  if verb == "i" then verb = "d" end
  if verb == "v" then return padded(number_text(n), flags, width) end
  if find("doxX", verb, 1, true) then
    if n ~= n or n >= 9223372036854775808 or n < -9223372036854775808 then n = -9223372036854775808 end
    n = n < 0 and -floor(-n) or floor(n)
    if n < 0 and verb ~= "d" then
      return padded("-" .. raw_format("%" .. verb, -n), flags, width)
    end
    return raw_format("%" .. flags .. width .. precision .. verb, n)
  end
  if find("eEfFgG", verb, 1, true) then
    if n ~= n or n == huge or n == -huge then
      local text = number_text(n)
      return padded(find(flags, "+", 1, true) and text or gsub(text, "^%+", ""), flags, width)
    end
    if verb == "F" then verb = "f" end
    if precision == "" and (verb == "g" or verb == "G") then -- the shortest spelling, not six digits
      local text = n == 0 and "0" or spelled(n, -3, 6, verb == "g" and "e%+03d" or "E%+03d")
      return padded(text, flags, width)
    end
    return raw_format("%" .. flags .. width .. precision .. verb, n)
  end
  return "%!" .. verb .. (floor(n) == n and "(int64=" or "(float64=") .. number_text(n) .. ")"
end

local function format_text(flags, width, precision, verb, s)
  if verb == "q" then return padded(quoted(s), flags, width) end
  if verb == "x" or verb == "X" then
    return padded(gsub(s, ".", function(c) return raw_format("%02" .. verb, byte(c)) end), flags, width)
  end
  if verb == "d" or verb == "i" then verb, precision = "s", "" end
  if verb ~= "s" and verb ~= "v" then return "%!" .. verb .. "(string=" .. s .. ")" end
  local limit = tonumber(match(precision, "%d+")) or (precision == "." and 0)
  if limit then
    local parts = {}
    for c in gmatch(s, "[%z\1-\127\192-\255][\128-\191]*") do
      if #parts >= limit then break end
      parts[#parts + 1] = c
    end
    s = raw_concat(parts)
  end
  return padded(s, flags, width)
end

local function format(...)
  if type((...)) ~= "string" and type((...)) ~= "number" then
    error("bad argument #1 to format (string expected, got " .. type((...)) .. ")", 2)
  end
  local text, given, used = operand((...)), select("#", ...) - 1, 0
  local arguments, parts, at = { select(2, ...) }, {}, 1
  while true do
    local percent = find(text, "%", at, true)
    if not percent then break end
    parts[#parts + 1] = sub(text, at, percent - 1)
    local _, stop, flags, width, precision, verb = find(text, FORMAT, percent + 1)
    if not stop then
      parts[#parts + 1] = "%!(NOVERB)"
      at = #text + 1
    else
      if #width > 5 or #precision > 4 then error("width or precision is too large in format", 2) end
      if verb == "%" then
        parts[#parts + 1] = "%"
      elseif used >= given then
        parts[#parts + 1] = "%!" .. verb .. "(MISSING)"
      else
        used = used + 1
        local v = arguments[used]
        if type(v) == "number" then
          parts[#parts + 1] = format_number(flags, width, precision, verb, v)
        elseif type(v) == "string" then
          parts[#parts + 1] = format_text(flags, width, precision, verb, v)
        elseif verb == "s" or verb == "v" or (verb == "t" and type(v) == "boolean") then
          parts[#parts + 1] = padded(tostring(v), flags, width)
        else
          parts[#parts + 1] = bad_verb(verb, v)
        end
      end
      at = stop + 1
    end
  end
  parts[#parts + 1] = sub(text, at)
  return raw_concat(parts)
end

local function upper(s)
  return find(s, "[\128-\255]") and python_upper(well_formed(s)) or string.upper(s)
end

local function lower(s)
  return find(s, "[\128-\255]") and python_lower(well_formed(s)) or string.lower(s)
end

local function repeated(s, n) -- without the separator of later versions
  return rep(s, n)
end

local function find_pattern(s, pattern, ...)
  if pattern == "" then return 1, 0 end
  return find(s, pattern, ...)
end

local function unless_nil(first, ...)
  if first ~= nil then return first, ... end
end

local function match_pattern(...) -- nothing, not nil, where nothing matches
  return unless_nil(match(...))
end

local function every_match(s, pattern)
  if type(pattern) == "string" and sub(pattern, 1, 1) == "^" then -- at the start only, so at most once
    local done = false
    return function()
      if done then return nil end
      done = true
      return match(s, pattern)
    end
  end
  return gmatch(s, pattern)
end

local function substitute(s, pattern, replacement, ...)
  if type(replacement) == "number" then error("bad argument #3 to gsub (string or table or function expected, got number)", 2) end
  return gsub(s, pattern, replacement, ...)
end

local function log(n)
  return math.log(n)
end

local function date_text(pattern, at)
  pattern = gsub(pattern or "%c", "%%c", "%%d %%b %%y %%H:%%M UTC")
  local result = date(pattern, at or time())
  if type(result) == "table" then result.yday = 0 end
  return result
end

local function modulo(a, b)
  return a % b
end

local function getn(t)
  return #t
end

local function raise(...)
  if select("#", ...) == 0 then error("bad argument #1 to error (value expected)", 2) end
  local problem, level = ...
  if type(problem) ~= "string" then error(problem, 0) end
  level = tonumber(level) or 1
  error(problem, level > 0 and level + 1 or 0)
end

local function to_number(...)
  if select("#", ...) == 0 then error("bad argument #1 to tonumber (value expected)", 2) end
  local v, base = ...
  if type(v) == "number" then return v end
  if type(v) ~= "string" then return nil end
  local text = match(v, "^[ \n\t]*(.-)[ \n\t]*$")
  if find(text, ".", 1, true) then
    if not find(text, "^[+-]?%d*%.%d*[eE]?[+-]?%d*$") then return nil end
    local n = tonumber(text)
    return n and n ~= huge and n ~= -huge and n or nil
  end
  if base == nil and find(text, "^0[xX]%x+$") then return tonumber(text) end
  local sign, digits = match(text, "^([+-]?)(%w+)$")
  base = base == nil and 10 or tonumber(base)
  if not digits or base < 2 or base > 36 or (base == 10 and find(digits, "%a")) then return nil end
  local n = tonumber(digits, base)
  if not n or n >= 9223372036854775808 then return nil end
  return sign == "-" and -n or n
end

-- The environment -------------------------------------------------------------------------------------------------------------

local function refused(name)
  return function() error(name .. " is not available: scripts run without files, network and environment", 2) end
end

local function refusing(library, names)
  local t = {}
  for name in gmatch(names, "%S+") do t[name] = refused(library .. "." .. name) end
  return t
end

local function picked(library, names)
  local t = {}
  for name in gmatch(names, "%S+") do t[name] = library[name] end
  return t
end

local BASE = picked(G, "assert ipairs next pcall rawequal rawget rawset select setmetatable type unpack xpcall")
BASE.error, BASE.pairs, BASE.tonumber, BASE.tostring = raise, pairs, to_number, tostring
BASE.print, BASE._printregs, BASE.collectgarbage = function() end, function() end, function() end
BASE.dofile, BASE.loadfile, BASE.module = refused("dofile"), refused("loadfile"), refused("module")
BASE.newproxy = function(with_metatable) -- a metatable could hold __gc, which would run during a later call
  if with_metatable then error("newproxy gives no metatables here", 2) end
  return newproxy()
end
BASE._VERSION, BASE._GOPHER_LUA_VERSION = "Lua 5.1", "GopherLua 0.1"

local LIBRARIES = {
  string = picked(string, "byte char len reverse sub"),
  table = picked(table, "insert maxn remove sort"),
  math = picked(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp ldexp log10 max min modf pi pow rad "
    .. "random randomseed sin sinh sqrt tan tanh"),
  coroutine = picked(coroutine, "create resume running status wrap yield"),
  os = refusing("os", "execute exit remove rename setenv setlocale tmpname"),
  io = refusing("io", "close flush input lines open output popen read stderr stdin stdout tmpfile type write"),
  debug = refusing("debug", "getfenv getinfo getlocal getmetatable getupvalue setfenv setlocal setmetatable setupvalue"),
  package = { path = "", cpath = "" },
  channel = refusing("channel", "make select"),
}
LIBRARIES.string.format, LIBRARIES.string.upper, LIBRARIES.string.lower = format, upper, lower
LIBRARIES.string.find, LIBRARIES.string.gsub, LIBRARIES.string.rep = find_pattern, substitute, repeated
LIBRARIES.string.match, LIBRARIES.string.gmatch, LIBRARIES.string.gfind = match_pattern, every_match, every_match
LIBRARIES.string.dump = refused("string.dump")
LIBRARIES.table.concat, LIBRARIES.table.getn = concat, getn
LIBRARIES.math.huge, LIBRARIES.math.log, LIBRARIES.math.mod = 1.7976931348623157e308, log, modulo
LIBRARIES.os.date, LIBRARIES.os.time, LIBRARIES.os.clock, LIBRARIES.os.difftime = date_text, time, clock, difftime
LIBRARIES.os.getenv = function() return nil end
LIBRARIES.debug.traceback = function(message) return message or "stack traceback:" end

local STRINGS = raw_metatable("")

-- Fresh tables for one call, so that nothing of it reaches the next.
local function environment(event)
  local env = {}
  for name, value in next, BASE do env[name] = value end
  for name, library in next, LIBRARIES do
    local copy = {}
    for k, v in next, library do copy[k] = v end
    env[name] = copy
  end
  env._G, env.event = env, event
  env.string.__index = env.string
  STRINGS.__index, STRINGS.__metatable = env.string, env.string -- what ("x"):upper() and getmetatable("") find

  function env.getmetatable(...)
    if select("#", ...) == 0 then error("bad argument #1 to getmetatable (value expected)", 2) end
    return getmetatable((...))
  end
  function env.getfenv(f)
    if f == nil then f = 1 end
    local found
    if type(f) == "function" then
      found = getfenv(f)
    elseif type(f) == "number" and f >= 1 then
      local ok, at_level = pcall(getfenv, f + 2)
      found = ok and at_level
    end
    return found and found ~= G and found or env
  end
  function env.setfenv(f, to)
    if type(to) ~= "table" then error("bad argument #2 to setfenv (table expected, got " .. type(to) .. ")", 2) end
    if type(f) == "function" then
      if getfenv(f) ~= G then return (setfenv(f, to)) end
    elseif type(f) == "number" and f >= 1 then
      local ok, found = pcall(getfenv, f + 2)
      if ok and found ~= G then return (setfenv(f + 1, to)) end
    elseif f == 0 then
      return
    end
    error("cannot change the environment of given object", 2)
  end
  function env.loadstring(text, name)
    if type(text) ~= "string" then error("bad argument #1 to loadstring (string expected, got " .. type(text) .. ")", 2) end
    return load(text, "=" .. (type(name) == "string" and name or "<string>"), "t", env)
  end
  function env.load(reader, name)
    if type(reader) ~= "function" then error("bad argument #1 to load (function expected, got " .. type(reader) .. ")", 2) end
    local parts = {}
    while true do
      local part = reader()
      if part == nil or part == "" then break end
      if not operand(part) then return nil, "reader function must return a string" end
      parts[#parts + 1] = operand(part)
    end
    return env.loadstring(raw_concat(parts), name or "?")
  end
  local loaded = { _G = env }
  for name in next, LIBRARIES do loaded[name] = env[name] end
  env.package.loaded, env.package.preload = loaded, {}
  function env.require(name)
    return loaded[name] or error("module " .. raw_tostring(name) .. " not found", 2)
  end
  return env
end

-- Running ---------------------------------------------------------------------------------------------------------------------

local function compile(text, rewritten)
  local chunk, problem = load(text, "=<string>", "t", {})
  if not chunk then return nil, well_formed(problem) end
  if not rewritten then return chunk end
  local factory = load(rewritten, "=<string>", "t", {})
  return factory and factory(CAT) or chunk
end

local function outcome(ok, ...)
  if ok then return true, (select("#", ...) > 0 and select(select("#", ...), ...) or nil) end
  local problem = ...
  if type(problem) ~= "string" then problem = type(problem) == "number" and number_text(problem) or "error value of type " .. type(problem) end
  return false, well_formed(problem)
end

local function call(chunk, event)
  held = nil
  setfenv(chunk, environment(event))
  return outcome(pcall(chunk))
end

local function filter(chunk, event)
  local ok, value = call(chunk, event)
  if not ok then return nil, value end
  return value == true
end

local function transform(chunk, event)
  local ok, value = call(chunk, event)
  if not ok then return nil, value end
  if type(value) ~= "table" then return nil, "the script must return a table, not a value of type " .. type(value) end
  return encode(value)
end

return compile, filter, transform
