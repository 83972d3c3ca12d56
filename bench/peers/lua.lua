-- The workloads, for lua-nginx-module.

local json = require "cjson"

local function body()
    ngx.req.read_body()
    return ngx.req.get_body_data()
end

return {
    hello = function()
        ngx.print("Hello, world")
    end,
    json = function()
        ngx.header.content_type = "application/json"
        ngx.print(json.encode(json.decode(body())))
    end,
    body = function()
        ngx.print(#body())
    end,
    wait = function()
        ngx.sleep(0.010)
        ngx.print("waited")
    end,
}
