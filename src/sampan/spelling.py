"""The word that was probably meant."""

from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate with the fewest edits from `word`, "" when none is near (a third of the letters, at least one)."""
    best, fewest = "", max(1, len(word) // 3) + 1
    for candidate in candidates:
        edits = distance(word.lower(), candidate.lower(), fewest)
        if edits < fewest:
            best, fewest = candidate, edits
    return best


def distance(left: str, right: str, limit: int) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two words; `limit` when not fewer."""
    if abs(len(left) - len(right)) >= limit:
        return limit
    rows = [list(range(len(right) + 1))]
    for i, letter in enumerate(left):
        above, row = rows[i], [i + 1]
        for j, other in enumerate(right):
            edits = min(above[j + 1] + 1, row[j] + 1, above[j] + (letter != other))
            if i and j and letter == right[j - 1] and other == left[i - 1]:
                edits = min(edits, rows[i - 1][j - 1] + 1)
            row.append(edits)
        rows.append(row)
    return min(rows[-1][-1], limit)
