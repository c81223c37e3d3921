-- wrk: another user on each request. USERS names a file of lines `token openid phone`.
local requests, next_one = {}, 0

function init()
    for line in io.lines(os.getenv("USERS")) do
        local token = line:match("^(%S+)")
        requests[#requests + 1] = wrk.format(nil, nil, { ["Host"] = "localhost", ["Authorization"] = "Bearer " .. token })
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
