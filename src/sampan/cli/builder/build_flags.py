"""The flags of `sampan build`, and which of them are honoured."""

from sampan.cli.container.run_flags import ULIMIT
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, BYTES, LIST, STRING, STRINGS

FLAGS = (
    Flag("add-host", LIST, "Line of /etc/hosts in RUN, NAME:IP"),
    Flag("allow", STRINGS, "Let a build do more: network.host, security.insecure"),
    Flag("annotation", STRINGS, "Annotation of the image, KEY=VALUE"),
    Flag("attest", STRINGS, "Attestation to make, type=sbom or type=provenance"),
    Flag("build-arg", STRINGS, "Value of an ARG, KEY=VALUE, or KEY for its value here"),
    Flag("build-context", STRINGS, "Another context, NAME=PATH"),
    Flag("builder", STRING, "Builder to use: there is one, default"),
    Flag("cache-from", STRINGS, "Cache to read: an image, or type=local,src=PATH"),
    Flag("cache-to", STRINGS, "Cache to write: type=inline, type=registry,ref=NAME or type=local,dest=PATH"),
    Flag("call", STRING, "What to do: build, check, outline or targets", default="build"),
    Flag("cgroup-parent", STRING, "Parent of the cgroup of RUN"),
    Flag("check", BOOL, "Look for bad practice instead of building"),
    Flag("explain-json", STRING, "Write what each step did, and why, to this file"),
    Flag("file", STRING, "The Dockerfile; PATH/Dockerfile by default, - for stdin", "f"),
    Flag("iidfile", STRING, "Write the image's ID to this file"),
    Flag("label", STRINGS, "Label of the image, KEY=VALUE or KEY"),
    Flag("load", BOOL, "Keep the image in this store, which is always done"),
    Flag("metadata-file", STRING, "Write what was built to this file, as JSON"),
    Flag("network", STRING, "Network of RUN: default, none or host", default="default"),
    Flag("no-cache", BOOL, "Run every step again"),
    Flag("no-cache-filter", STRINGS, "Run every step of these stages again"),
    Flag("on-error", STRING, 'What a RUN that fails does besides: "shell" opens one in its file system'),
    Flag("output", STRINGS, "Where the result goes, type=local|tar|oci|docker,dest=PATH", "o"),
    Flag("platform", STRINGS, "Platform to build for, os[/arch[/variant]]"),
    Flag("progress", STRING, 'How progress looks: "auto", "plain", "tty", "quiet" or "rawjson"', shown_default="auto"),
    Flag("provenance", STRING, "How it was built, said beside the image: true, false, mode=min|max"),
    Flag("pull", BOOL, "Look for newer base images"),
    Flag("push", BOOL, "Send the image to its registry"),
    Flag("quiet", BOOL, "Print only the image's ID", "q"),
    Flag("reproducible", BOOL, "Write fixed times, so that the same build gives the same digest"),
    Flag("sbom", STRING, "Bill of materials beside the image, true or false"),
    Flag("secret", STRINGS, "File that RUN may read, id=NAME[,src=PATH]"),
    Flag("shell-at", STRING, "Open a shell after this step instead of making an image, STAGE, STAGE:STEP or STEP"),
    Flag("shm-size", BYTES, "Size of /dev/shm in RUN"),
    Flag("ssh", STRINGS, "SSH agent for RUN, default or ID=SOCKET"),
    Flag("tag", STRINGS, "Name of the image, NAME[:TAG]", "t"),
    Flag("target", STRING, "Stage to build, a name or a number"),
    Flag("timings", BOOL, "Print how long each step waited, was looked up, ran and was hashed"),
    Flag("trace", STRING, "Write a trace to this file, for chrome://tracing or Perfetto"),
    Flag("ulimit", ULIMIT, "Limit of RUN, NAME=SOFT[:HARD]"),
)

# Flags that are read for docker's sake: without effect, or asking for what is always done.
WITHOUT_EFFECT = ("builder", "debug")
SUPPORTED = (
    "add-host", "allow", "annotation", "attest", "build-arg", "build-context", "cache-from", "cache-to", "call",
    "cgroup-parent", "check", "explain-json", "file", "iidfile", "label", "load", "metadata-file", "network",
    "no-cache", "no-cache-filter", "on-error", "output", "platform", "progress", "provenance", "pull", "push",
    "quiet", "reproducible", "sbom", "secret", "shell-at", "shm-size", "ssh", "tag", "target", "timings", "trace",
    "ulimit",
)  # fmt: skip
REPORTS = ("explain-json", "timings", "trace")
