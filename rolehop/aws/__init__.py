"""The one room through which all traffic to AWS passes.

It stands on botocore's public building blocks (its signer, its HTTP session, its endpoint
rules) without a botocore client: that takes half the time, and credentials are an argument of
each signed call instead of a client's state.

``settings``, ``sts`` and ``command_line`` import no botocore and may be imported any time; ``query``, ``endpoint``
and ``faults`` import it and are imported when a call is about to be made.
"""
