-- A body that is never the same twice: a seed for the run, a running number, and a fill.
local size = tonumber(os.getenv("BENCH_BYTES"))
local seed = os.getenv("BENCH_SEED")
local fill = string.rep("x", size - 32)
local count = 0
local head

function request()
  head = head or (os.getenv("BENCH_METHOD") .. " " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
    "\r\nContent-Type: application/octet-stream\r\nContent-Length: " .. size .. "\r\n\r\n")
  count = count + 1
  return head .. seed .. string.format("%016d", count) .. fill
end
