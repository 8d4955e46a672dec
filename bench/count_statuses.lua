-- For wrk, in `overload_wrk.py`: how many answers had which status, printed as "status <code> <count>".
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  counts = {}
end

function response(status, headers, body)
  counts[status] = (counts[status] or 0) + 1
end

function done(summary, latency, requests)
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("counts")) do
      print(string.format("status %d %d", status, count))
    end
  end
end
