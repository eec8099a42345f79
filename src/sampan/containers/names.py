"""Names for containers that were given none: an adjective and a boat or its crew."""

import os

_ADJECTIVES = ["able", "agile", "amber", "ample", "apt", "azure", "blithe", "bold", "brave", "bright", "brisk", "calm", "candid", "clever", "cosy", "crisp", "daring", "deft", "eager", "early", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid", "mellow", "merry", "mighty", "modest", "neat", "nimble", "noble", "patient", "placid", "plucky", "polite", "prime", "proud", "quick", "quiet", "rapid", "ready", "robust", "rosy", "serene", "sharp", "silent", "silver", "smart", "snug", "solid", "spry", "stable", "steady", "stout", "sturdy", "sunny", "swift", "tidy", "tranquil", "trim", "true", "trusty", "upbeat", "vivid", "warm", "wise", "witty", "zesty"]
_NOUNS = ["anchor", "barge", "beacon", "bosun", "bowsprit", "brig", "buoy", "canoe", "captain", "caravel", "catboat", "clipper", "coble", "compass", "coracle", "corvette", "cutter", "dhow", "dinghy", "dory", "felucca", "ferry", "fisher", "frigate", "galleon", "galley", "gondola", "harbour", "helm", "hoy", "islander", "jib", "jolly", "junk", "kayak", "keel", "ketch", "lighter", "lighthouse", "longboat", "lugger", "mariner", "mast", "navigator", "oar", "packet", "pilot", "pinnace", "pirogue", "plank", "pontoon", "proa", "punt", "quay", "rafter", "rigger", "rudder", "sailor", "sampan", "schooner", "scow", "sculler", "sextant", "shallop", "skiff", "skipper", "sloop", "smack", "spinnaker", "spar", "steamer", "stern", "tender", "tiller", "trawler", "trimaran", "tug", "wherry", "windlass", "xebec", "yacht", "yawl"]


def random_name(taken: frozenset[str]) -> str:
    """A name that is not in `taken`; a number is added when chance keeps finding taken ones."""
    for attempt in range(16):
        first, second = os.urandom(2)
        name = f"{_ADJECTIVES[first % len(_ADJECTIVES)]}_{_NOUNS[second % len(_NOUNS)]}"
        if attempt > 5:
            name += str(os.urandom(2)[0])
        if name not in taken:
            return name
    return f"sampan_{os.urandom(6).hex()}"
