-- Numbers as text and results as JSON, spelled as gopher-lua and Go's encoding/json spell them.
-- Returns: number_text(n), spelled(n, first, last, exponent_format), well_formed(s), encode(value) -> text, or nil and what is wrong.

local type, next, error, pcall, rawget = type, next, error, pcall, rawget
local raw_tostring, raw_metatable, tonumber = tostring, debug.getmetatable, tonumber
local floor, huge = math.floor, math.huge
local sort, raw_concat, maxn = table.sort, table.concat, table.maxn
local char, find, gsub, match, sub = string.char, string.find, string.gsub, string.match, string.sub
local rep, raw_format = string.rep, string.format

local MAX_DEPTH = 500        -- of nested tables in a result
local MAX_RESULT = 8388608   -- bytes of JSON
local MAX_INDEX = 67108864   -- larger positive integers are ordinary keys

-- Numbers ---------------------------------------------------------------------------------------------------------------------

-- Digits and the place of the decimal point within them, with the fewest digits that read back as the same number.
local function shortest(n)
  local text
  for precision = 14, 16 do
    text = raw_format("%." .. precision .. "e", n)
    if tonumber(text) == n then break end
  end
  local first, rest, exponent = match(text, "^-?(%d)%.?(%d*)e([+-]%d+)$")
  return gsub(first .. rest, "0+$", ""), exponent + 1
end

local function plain(digits, point)
  if point <= 0 then return "0." .. rep("0", -point) .. digits end
  if point >= #digits then return digits .. rep("0", point - #digits) end
  return sub(digits, 1, point) .. "." .. sub(digits, point + 1)
end

local function scientific(digits, point, exponent_format)
  local rest = #digits > 1 and "." .. sub(digits, 2) or ""
  return sub(digits, 1, 1) .. rest .. raw_format(exponent_format, point - 1)
end

-- The text of a number that is no small integer: plain notation where first <= point <= last.
local function spelled(n, first, last, exponent_format)
  local sign = n < 0 and "-" or ""
  local digits, point = shortest(n)
  if point < first or point > last then return sign .. scientific(digits, point, exponent_format) end
  return sign .. plain(digits, point)
end

local function number_text(n) -- what tostring gives
  if n ~= n then return "NaN" end
  if n == huge then return "+Inf" elseif n == -huge then return "-Inf" end
  if floor(n) == n then
    if n > -1e15 and n < 1e15 then return raw_format("%d", n) end
    if n >= -9223372036854775808 and n < 9223372036854775808 then return (gsub(raw_format("%.0f", n), "^%-0$", "0")) end
  end
  return spelled(n, -3, 6, "e%+03d")
end

local function json_number(n)
  if floor(n) == n and n > -1e15 and n < 1e15 then return raw_format("%d", n) end
  if n ~= n or n == huge or n == -huge then error("JSON has no number " .. number_text(n), 0) end
  return spelled(n, -5, 21, "e%+d")
end

-- Results as JSON -------------------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
                  ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026", ["\127"] = "\127" }
for code = 0, 31 do
  ESCAPES[char(code)] = ESCAPES[char(code)] or raw_format("\\u%04x", code)
end
local UTF8 = { -- the well-formed sequences
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]", "^[\225-\236][\128-\191][\128-\191]", "^\237[\128-\159][\128-\191]",
  "^[\238-\239][\128-\191][\128-\191]", "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
}

local function well_formed(s) -- broken bytes become U+FFFD
  local parts, at = {}, 1
  while true do
    local high = find(s, "[\128-\255]", at)
    if not high then break end
    parts[#parts + 1] = sub(s, at, high - 1)
    local stop
    for i = 1, #UTF8 do
      local _, e = find(s, UTF8[i], high)
      if e then stop = e break end
    end
    parts[#parts + 1] = stop and sub(s, high, stop) or "\239\191\189"
    at = (stop or high) + 1
  end
  parts[#parts + 1] = sub(s, at)
  return raw_concat(parts)
end

local SEPARATORS = { ["\226\128\168"] = "\\u2028", ["\226\128\169"] = "\\u2029" }

local function json_string(s)
  if not find(s, '[%c"\\<>&\128-\255]') then return '"' .. s .. '"' end
  s = gsub(s, '[%c"\\<>&]', ESCAPES)
  if find(s, "[\128-\255]") then s = gsub(well_formed(s), "\226\128[\168\169]", SEPARATORS) end
  return '"' .. s .. '"'
end

local function is_array(t)
  local mt = raw_metatable(t)
  return type(mt) == "table" and rawget(mt, "__is_array") == true
end

local function last_index(t) -- of the array part: the largest positive integer key
  local n = maxn(t)
  if n < 1 then return 0 end
  if n < MAX_INDEX and floor(n) == n then return n end
  n = 0
  for k in next, t do
    if type(k) == "number" and k > n and k < MAX_INDEX and floor(k) == k then n = k end
  end
  return n
end

local function key_text(k)
  local kind = type(k)
  if kind == "string" then return k end
  if kind == "number" then return number_text(k) end
  return raw_tostring(k)
end

-- The writer puts pieces of text into `out`, `size` of them, `bytes` long.
local out, size, bytes
local write

local function put(text)
  size = size + 1
  out[size] = text
  bytes = bytes + #text
  if bytes > MAX_RESULT then error("result is too large", 0) end
end

local function write_array(t, n, depth)
  put("[")
  for i = 1, n do
    if i > 1 then put(",") end
    write(rawget(t, i), depth)
  end
  put("]")
end

local function write_object(t, depth)
  local keys, values, n = {}, t, 0
  for k in next, t do
    if type(k) ~= "string" then values = nil break end
    n = n + 1
    keys[n] = k
  end
  if not values then -- keys of other types count by their text
    keys, values, n = {}, {}, 0
    for k, v in next, t do
      k = key_text(k)
      if values[k] == nil then n = n + 1 keys[n] = k end
      values[k] = v
    end
  end
  sort(keys)
  put("{")
  for i = 1, n do
    local k = keys[i]
    put((i > 1 and "," or "") .. json_string(k) .. ":")
    write(rawget(values, k), depth)
  end
  put("}")
end

function write(v, depth)
  local kind = type(v)
  if kind == "string" then
    put(json_string(v))
  elseif kind == "number" then
    put(json_number(v))
  elseif kind == "boolean" then
    put(v and "true" or "false")
  elseif kind == "nil" then
    put("null")
  elseif kind == "table" then
    if depth == 0 then error("result is nested too deeply", 0) end
    local n = last_index(v)
    if n > MAX_RESULT then error("result is too large", 0) end
    if n > 0 or is_array(v) then write_array(v, n, depth - 1) else write_object(v, depth - 1) end
  else
    error("JSON has no value of type " .. kind, 0)
  end
end

local function encode(value)
  out, size, bytes = {}, 0, 0
  local written, problem = pcall(write, value, MAX_DEPTH)
  local text = written and raw_concat(out)
  out = nil
  if not written then return nil, raw_tostring(problem) end
  return text
end

return number_text, spelled, well_formed, encode
