"""The proof that the store is sound: every row has its files, every file a row, every digest its content."""

import hashlib
import json
import os
from typing import NamedTuple

from sampan.errors import Corrupt
from sampan.oci.config import ImageConfig, image_config_from_json
from sampan.storage import caches, foreign, leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Problem(NamedTuple):
    """Something wrong: `where` names the row or path, `what` says it, `hint` what to do."""

    where: str
    what: str
    hint: str


_REBUILD = "remove the image (rmi -f) and build, import or pull it again"
_SWEEP = "the next command that changes the store removes it"


def check(database: Database, paths: Paths, *, deep: bool = False) -> list[Problem]:
    """All that is wrong with the store, sorted by where; `deep` also reads every layer and compares its digest."""
    # Folders before rows and rows before folders again: what another process makes or removes meanwhile is no problem.
    before, recipes_before = set(os.listdir(paths.layers)), set(os.listdir(paths.recipes))
    volumes_before = set(os.listdir(paths.volumes))
    with database.transaction():
        rows = {str(row[0]): str(row[1] or "") for row in database.rows("SELECT id, diff_id FROM snapshot")}
        leased = {name.partition(":")[2] for name in leases.held(database) if name.startswith("snapshot:")}
        temporary = {name.partition(":")[2] for name in leases.held(database) if name.startswith("tmp:")}
        found = [*_database(database), *_images(database, rows), *_containers(database, rows)]
        volumes = {str(row[0]) for row in database.rows("SELECT name FROM volume")}
    present = set(os.listdir(paths.layers))
    found += _recipes(database, paths, recipes_before, leased)
    found += _volumes(database, paths, volumes_before, volumes)
    for snapshot_id in rows.keys() - present:
        if _is_recorded(database, snapshot_id):
            found.append(Problem(f"snapshot {snapshot_id}", "its folder is missing", _REBUILD))
    for name in (before & present) - rows.keys() - leased:
        found.append(Problem(paths.layer(name), "no snapshot has this folder", _SWEEP))
    for name in set(os.listdir(paths.tmp)) - temporary - _freshly_leased(database):
        found.append(Problem(f"{paths.tmp}/{name}", "was left by a process that is gone", _SWEEP))
    for name in caches.orphans(database, paths):
        if f"removed-cache-{name}" not in _freshly_leased(database):
            found.append(Problem(paths.cache_mount(name), "no cache mount has this folder", _SWEEP))
    if deep:
        for snapshot_id in sorted(rows.keys() & present):
            found += _content(database, paths, snapshot_id, rows[snapshot_id])
    return sorted(found)


def _recipes(database: Database, paths: Paths, before: set[str], leased: set[str]) -> list[Problem]:
    with_recipe = {str(row[0]) for row in database.rows("SELECT id FROM snapshot WHERE recipe_size > 0")}
    present = set(os.listdir(paths.recipes))
    found = [
        Problem(f"snapshot {snapshot_id}", "the recipe of its tar is missing", _REBUILD)
        for snapshot_id in with_recipe - present
        if _is_recorded(database, snapshot_id)
    ]
    for name in (before & present) - with_recipe:
        if name.partition(".")[0] not in leased:
            found.append(Problem(f"{paths.recipes}/{name}", "no snapshot has this recipe", _SWEEP))
    return found


def _is_recorded(database: Database, snapshot_id: str) -> bool:
    return database.row("SELECT 1 FROM snapshot WHERE id = ?", (snapshot_id,)) is not None


def _freshly_leased(database: Database) -> set[str]:
    return {name.partition(":")[2] for name in leases.held(database) if name.startswith("tmp:")}


def _database(database: Database) -> list[Problem]:
    rows = [str(row[0]) for row in database.rows("PRAGMA integrity_check")]
    damage = [] if rows == ["ok"] else [Problem("state.db", row, "restore it from a backup") for row in rows]
    for row in database.rows("PRAGMA foreign_key_check"):
        what = f"row {row[1]!s} of {row[0]!s} refers to a missing row of {row[2]!s}"
        damage.append(Problem("state.db", what, _REBUILD))
    return damage


def _images(database: Database, rows: dict[str, str]) -> list[Problem]:
    found = []
    for image_id, text in database.rows("SELECT id, config FROM image"):
        where = f"image {image_id!s}"
        if "sha256:" + hashlib.sha256(str(text).encode()).hexdigest() != image_id:
            found.append(Problem(where, "its configuration does not match its ID", _REBUILD))
        try:
            config: ImageConfig = image_config_from_json(json.loads(str(text)))
        except (ValueError, Corrupt) as error:
            found.append(Problem(where, f"its configuration cannot be read: {error}", _REBUILD))
            continue
        layers_of = [
            str(row[0])
            for row in database.rows(
                "SELECT snapshot_id FROM image_layer WHERE image_id = ? ORDER BY position", (image_id,)
            )
        ]
        if len(layers_of) != len(config.diff_ids):
            what = f"it has {len(layers_of)} layers, its configuration {len(config.diff_ids)}"
            found.append(Problem(where, what, _REBUILD))
        for snapshot_id, diff_id in zip(layers_of, config.diff_ids, strict=False):
            if snapshot_id not in rows:
                found.append(Problem(where, f"its layer {snapshot_id} is missing", _REBUILD))
            elif rows[snapshot_id] != diff_id:
                what = f"its layer {snapshot_id} is {rows[snapshot_id] or 'unknown'}, its configuration says {diff_id}"
                found.append(Problem(where, what, _REBUILD))
    return found


def _containers(database: Database, rows: dict[str, str]) -> list[Problem]:
    pairs = database.rows(
        """
        SELECT container.id, json_each.value FROM container, json_each(container.layers)
        UNION SELECT container.id, layer.value FROM container, json_each(container.spec, '$.mounts') AS mount,
            json_each(mount.value, '$.layers') AS layer
        """
    )
    return [
        Problem(f"container {container_id!s}", f"its layer {snapshot_id!s} is missing", "remove the container (rm -f)")
        for container_id, snapshot_id in pairs
        if snapshot_id not in rows
    ]


def _volumes(database: Database, paths: Paths, before: set[str], rows: set[str]) -> list[Problem]:
    """`before` are the folders that were there before the rows were read."""
    present = {name for name in os.listdir(paths.volumes) if os.path.isdir(f"{paths.volumes}/{name}/_data")}
    lost = [name for name in rows - present if _has_volume(database, name)]
    return [
        *(Problem(f"volume {name}", "its folder is missing", _RESTORE.format(name=name)) for name in lost),
        *(
            Problem(f"{paths.volumes}/{name}", "no volume has this folder", _ADOPT.format(name=name))
            for name in (before & set(os.listdir(paths.volumes))) - rows
            if not _has_volume(database, name)
        ),
    ]


_ADOPT = "make it a volume again (sampan volume create {name}), or remove the folder"
_RESTORE = "restore it (sampan volume import {name} FILE), or remove it (sampan volume rm {name})"


def _has_volume(database: Database, name: str) -> bool:
    return database.row("SELECT 1 FROM volume WHERE name = ?", (name,)) is not None


def _content(database: Database, paths: Paths, snapshot_id: str, diff_id: str) -> list[Problem]:
    where = f"snapshot {snapshot_id}"
    try:
        found = foreign.measure(paths, snapshot_id)
    except (OSError, Corrupt) as error:
        return [Problem(where, f"cannot be read: {error}", _REBUILD)] if _is_recorded(database, snapshot_id) else []
    if diff_id and found.diff_id != diff_id and _is_recorded(database, snapshot_id):
        return [Problem(where, f"its files were changed: {found.diff_id} instead of {diff_id}", _REBUILD)]
    return []
