"""The gateway in front of vLLM's routes: keys, limits, request fields, images, access log.

It is an ASGI middleware in vLLM's own process (`--middleware serve.gateway.in_vllm.VllmGateway`). Its settings are one
variable of the environment. About half of vLLM's advisories came through routes and fields that this project does not
use, so both are lists of what is allowed.
"""
