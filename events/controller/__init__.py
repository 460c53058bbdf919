"""The controller of a cluster: observe → desire → diff → apply.

What decides is pure: ``desire`` (``eventbus``, ``eventsource``, ``sensor``, with ``pods`` and ``restricted`` for the pods) says which objects
shall be there and what is to be said of them, ``diff`` says which of them must be written. What talks is thin: ``manager`` observes and queues,
``reconcile`` brings one object to its desired state, ``leader`` lets one of several replicas do so.

It knows the processes that it starts by their command line, their environment and their mounted files only (``workload``); what judges a
manifest is handed in (``judging``).
"""
