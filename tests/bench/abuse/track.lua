-- SPDX-License-Identifier: Apache-2.0
-- What wrk sends: a track call, each with an id of its own.
wrk.method = "POST"
wrk.headers["Authorization"] = "Basic ZGV2Og=="
wrk.headers["Content-Type"] = "application/json"
local n = 0
local thread = 0
function setup(t) thread = thread + 1; t:set("id", thread) end
function request()
    n = n + 1
    return wrk.format(nil, nil, nil, string.format('{"userId":"u%d","messageId":"wrk-%d-%d-%d","event":"Clicked"}', n % 1000, id, os.time(), n))
end
