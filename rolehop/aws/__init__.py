"""AWS's services and file formats; all calls to AWS are made here.

It uses botocore's public building blocks (its signer, its HTTP session, its endpoint rules)
without a botocore client: that takes half the time, and credentials are an argument of each
signed call instead of a client's state.

``sts`` and ``shell_split`` import no botocore and may be imported any time. Modules that do are
imported when a call is about to be made.
"""
