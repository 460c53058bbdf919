"""WorkflowEventBindings: the event side of Argo Workflows (spec: argo-workflows-events.md §3–§5). All of it is pure.

The way of an event::

    bindings = [compile_binding(raw, "ci") for raw in manifests]  # once
    environment = Environment(event_id=…, namespace="ci", payload=decode_payload(data), …)
    for result in decide(selected(bindings, instance_id), environment):
        if result.wants is not None:  # it matched: fetch the template that it names, then
            result = complete(result, template_or_error, claims, instance_id)
        # result.submission is to be created, or result.warning is to be told
"""
