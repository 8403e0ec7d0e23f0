-- Asks for each path of a file (BENCH_PATHS, one to a line) once. Then prints how many milliseconds all took, the status
-- and bytes of each answer, and "end"; and rests until it is ended.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } bench_time; int clock_gettime(int, bench_time *);")
local time = ffi.new("bench_time")
local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1e6
end

local paths = {}
function init()
  for path in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = wrk.format("GET", path) end
end

local tried, asked, answered, begun, lines = false, 0, 0, 0, {}

function delay()
  -- Connections that find nothing left wait for the end.
  return asked < #paths and 0 or 3600000
end

function request()
  -- wrk looks at one request before it begins.
  if not tried then
    tried = true
    return paths[1]
  end
  if asked == 0 then begun = now() end
  asked = asked + 1
  return paths[asked] or paths[1]
end

function response(status, _, body)
  answered = answered + 1
  lines[answered] = status .. " " .. #body
  if answered == #paths then
    print("took " .. (now() - begun))
    print(table.concat(lines, "\n"))
    print("end")
    io.flush()
  end
end
