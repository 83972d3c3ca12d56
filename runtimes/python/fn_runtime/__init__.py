"""The Python runtime of ngx_http_fn_module; see ../README."""
