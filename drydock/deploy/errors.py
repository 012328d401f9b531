"""Errors about Kubernetes."""

from drydock.errors import DrydockError, Exit


class NoCluster(DrydockError, exit_code=Exit.CLUSTER):
    fact = "no cluster answers at context {context!r}: {reason}"
    next_step = "choose one with --context or KUBECONFIG (`kubectl config get-contexts` lists them)"


class NoOverlay(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "there is no overlay {overlay!r}"
    next_step = "use one of {known}"


class RenderFailed(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "kustomize refuses {overlay}: {reason}"
    next_step = "fix the file that it names"


class Placeholders(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "overlay {overlay} still has example values in place of your own ({count})"
    next_step = "replace the values listed above, or give the image with --image"


class SecretMissing(DrydockError, exit_code=Exit.CLUSTER):
    fact = "Secret {name} is not in namespace {namespace}, and {workload} needs it"
    next_step = "make it: `kubectl create secret generic {name} --namespace={namespace} --from-file=KEY=FILE`"


class ApplyFailed(DrydockError, exit_code=Exit.CLUSTER):
    fact = "the cluster refuses a manifest: {reason}"
    next_step = "fix it; `drydock gate kubernetes` names most such faults without a cluster"


class RolloutFailed(DrydockError, exit_code=Exit.CLUSTER):
    fact = "{workload} does not run: {cause}"
    next_step = "fix that and deploy again, or go back with `drydock deploy --undo`"


class NothingToUndo(DrydockError, exit_code=Exit.CLUSTER):
    fact = "{workload} cannot go back: {reason}"
    next_step = "deploy the version that you want instead"
