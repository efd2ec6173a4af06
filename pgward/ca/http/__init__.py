"""The HTTPS listener: uvicorn inside bounds for strangers.

The *door* accepts connections, *waiting* ones are bounded, *networks* say who counts as one caller
and which balancers may speak for others (PROXY protocol).
"""
