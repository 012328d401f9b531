-- One request of wrk: METHOD, PATH and BODY come from its command line; the result is one JSON object.
local method, path, body

function init(arguments)
   method, path, body = arguments[1], arguments[2], arguments[3]
end

function request()
   return wrk.format(method, path, nil, body)
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format('{"requests": %d, "seconds": %.6f, "p99": %.6f, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e6, failed))
end
