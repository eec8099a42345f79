"""The database's schema, as a list of migrations: entry N takes a store of version N to N + 1.

An entry that has been released is never edited; a change is a new entry at the end.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE snapshot(
        id TEXT PRIMARY KEY,            -- name of the folder under layers/
        diff_id TEXT,                   -- sha256 of the uncompressed tar; NULL while it is being computed
        size INTEGER NOT NULL,          -- bytes of regular files
        created_at INTEGER NOT NULL     -- ns since the epoch, as all times here
    );
    CREATE INDEX snapshot_diff_id ON snapshot(diff_id);

    CREATE TABLE image(
        id TEXT PRIMARY KEY,            -- "sha256:..." of config
        config TEXT NOT NULL,           -- the image configuration, byte for byte
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL     -- when it came into this store
    );
    CREATE TABLE image_layer(
        image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,      -- 0 is the lowest
        snapshot_id TEXT NOT NULL REFERENCES snapshot(id),
        PRIMARY KEY(image_id, position)
    ) WITHOUT ROWID;
    CREATE INDEX image_layer_snapshot ON image_layer(snapshot_id);
    CREATE TABLE tag(
        reference TEXT PRIMARY KEY,     -- normalised: docker.io/library/busybox:latest
        image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
        tagged_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX tag_image ON tag(image_id);

    CREATE TABLE container(
        id TEXT PRIMARY KEY,            -- 64 hex digits
        name TEXT NOT NULL UNIQUE,      -- without the slash
        image_id TEXT NOT NULL,         -- no foreign key: rmi --force may take the image away
        layers TEXT NOT NULL,           -- JSON list of snapshot ids, lowest first
        spec TEXT NOT NULL,             -- JSON: everything that does not change in its life (containers/model.py)
        created_at INTEGER NOT NULL,
        status TEXT NOT NULL,           -- created running paused restarting removing exited dead
        pid INTEGER NOT NULL DEFAULT 0,
        pid_start INTEGER NOT NULL DEFAULT 0,   -- start time of pid, field 22 of /proc/PID/stat
        monitor_pid INTEGER NOT NULL DEFAULT 0,
        monitor_start INTEGER NOT NULL DEFAULT 0,
        boot_id TEXT NOT NULL DEFAULT '',
        started_at INTEGER NOT NULL DEFAULT 0,
        finished_at INTEGER NOT NULL DEFAULT 0,
        exit_code INTEGER NOT NULL DEFAULT 0,
        oom_killed INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        restart_count INTEGER NOT NULL DEFAULT 0,
        stopped_by_user INTEGER NOT NULL DEFAULT 0,
        health TEXT NOT NULL DEFAULT ''         -- JSON of Docker's State.Health, '' without a check
    );
    CREATE INDEX container_status ON container(status);
    CREATE TABLE health_due(            -- containers that the supervisor probes
        container_id TEXT PRIMARY KEY REFERENCES container(id) ON DELETE CASCADE
    ) WITHOUT ROWID;

    CREATE TABLE network(
        id TEXT PRIMARY KEY,            -- 64 hex digits
        name TEXT NOT NULL UNIQUE,
        driver TEXT NOT NULL,
        bridge TEXT NOT NULL,           -- interface name
        subnet TEXT NOT NULL,           -- 172.18.0.0/16
        gateway TEXT NOT NULL,
        internal INTEGER NOT NULL DEFAULT 0,
        labels TEXT NOT NULL DEFAULT '{}',
        options TEXT NOT NULL DEFAULT '{}',
        created_at INTEGER NOT NULL
    );
    CREATE TABLE endpoint(
        container_id TEXT NOT NULL,
        network_id TEXT NOT NULL REFERENCES network(id),
        id TEXT NOT NULL,
        ip TEXT NOT NULL,
        mac TEXT NOT NULL,
        host_interface TEXT NOT NULL,
        PRIMARY KEY(container_id, network_id),
        UNIQUE(network_id, ip)
    ) WITHOUT ROWID;
    CREATE TABLE port(
        container_id TEXT NOT NULL,
        protocol TEXT NOT NULL,
        host_ip TEXT NOT NULL,          -- 0.0.0.0 for all
        host_port INTEGER NOT NULL,
        container_port INTEGER NOT NULL,
        PRIMARY KEY(protocol, host_port, host_ip)
    ) WITHOUT ROWID;
    CREATE INDEX port_container ON port(container_id);

    CREATE TABLE volume(
        name TEXT PRIMARY KEY,
        driver TEXT NOT NULL DEFAULT 'local',
        labels TEXT NOT NULL DEFAULT '{}',
        options TEXT NOT NULL DEFAULT '{}',
        anonymous INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE volume_use(
        volume TEXT NOT NULL,
        container_id TEXT NOT NULL,
        PRIMARY KEY(volume, container_id)
    ) WITHOUT ROWID;

    CREATE TABLE build_step(
        key TEXT PRIMARY KEY,           -- digest of everything that decides the step's result (builder/cache/key.py)
        parent_key TEXT NOT NULL,
        position TEXT NOT NULL,         -- where it stands, to find what to compare a miss with
        inputs TEXT NOT NULL,           -- JSON: words, arguments, files; what a miss is explained from
        snapshot_id TEXT REFERENCES snapshot(id),   -- NULL when the step changed no file
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX build_step_position ON build_step(position, used_at);

    CREATE TABLE lease(
        resource TEXT NOT NULL,         -- snapshot:<id>, tmp:<name>, cgroup:<path>, container:<id>
        pid INTEGER NOT NULL,
        pid_start INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY(resource, pid, pid_start)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE event(
        id INTEGER PRIMARY KEY AUTOINCREMENT,   -- grows with time; a reader's cursor
        time INTEGER NOT NULL,
        type TEXT NOT NULL,             -- container image network volume builder daemon
        action TEXT NOT NULL,           -- create, start, "exec_start: sh", ...
        actor TEXT NOT NULL,            -- id or name of what it happened to
        attributes TEXT NOT NULL        -- JSON object of strings
    );
    """,
    """
    ALTER TABLE network ADD COLUMN subnet6 TEXT NOT NULL DEFAULT '';        -- fd12:3456:789a::/64, '' without IPv6
    ALTER TABLE network ADD COLUMN gateway6 TEXT NOT NULL DEFAULT '';
    ALTER TABLE network ADD COLUMN ip_range TEXT NOT NULL DEFAULT '';       -- what addresses are chosen from
    ALTER TABLE network ADD COLUMN ip_range6 TEXT NOT NULL DEFAULT '';
    ALTER TABLE network ADD COLUMN aux_addresses TEXT NOT NULL DEFAULT '{}';    -- JSON: name to an address nobody gets
    ALTER TABLE network ADD COLUMN ipam_options TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE network ADD COLUMN attachable INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE endpoint ADD COLUMN aliases TEXT NOT NULL DEFAULT '[]';     -- JSON: other names in the network
    ALTER TABLE endpoint ADD COLUMN links TEXT NOT NULL DEFAULT '[]';       -- JSON: "container:alias", names of its own
    ALTER TABLE endpoint ADD COLUMN ip6 TEXT NOT NULL DEFAULT '';
    ALTER TABLE endpoint ADD COLUMN gateway_priority INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE endpoint ADD COLUMN driver_options TEXT NOT NULL DEFAULT '{}';
    """,
    """
    ALTER TABLE build_step ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;      -- how often it was made or found
    """,
    """
    CREATE TABLE log_rotation(          -- containers whose full log files the supervisor puts aside while they run
        container_id TEXT PRIMARY KEY REFERENCES container(id) ON DELETE CASCADE
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE repo_digest(           -- name@digest, as registries gave it or took it
        repository TEXT NOT NULL,       -- docker.io/library/busybox
        digest TEXT NOT NULL,           -- of the manifest or index
        image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
        PRIMARY KEY(repository, digest, image_id)
    ) WITHOUT ROWID;
    CREATE INDEX repo_digest_image ON repo_digest(image_id);
    CREATE TABLE manifest(              -- an image's manifests, byte for byte as a registry or an archive has them
        image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY(image_id, digest)
    ) WITHOUT ROWID;
    CREATE INDEX manifest_digest ON manifest(digest);
    CREATE TABLE blob(                  -- a layer as a repository has it: these compressed bytes are that tar
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        diff_id TEXT NOT NULL,
        size INTEGER NOT NULL,          -- of the compressed bytes
        media_type TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY(repository, digest)
    ) WITHOUT ROWID;
    CREATE INDEX blob_digest ON blob(digest);
    CREATE INDEX blob_diff_id ON blob(diff_id);
    """,
    """
    ALTER TABLE snapshot ADD COLUMN recipe_size INTEGER NOT NULL DEFAULT 0;     -- bytes of recipes/<id>, 0 = none
    """,
    """
    CREATE TABLE image_mount(           -- images that `image mount` shows on the host, read-only
        target TEXT PRIMARY KEY,        -- where
        image_id TEXT NOT NULL,         -- no foreign key: rmi --force may take the image away
        layers TEXT NOT NULL,           -- JSON list of snapshot ids, lowest first: they stay as long as the row
        boot_id TEXT NOT NULL           -- a reboot ends every mount
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE build_report(          -- what the last builds did, step by step
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        place TEXT NOT NULL,            -- of the Dockerfile, as in build_step.position
        began_at INTEGER NOT NULL,
        report TEXT NOT NULL            -- JSON
    );
    CREATE TABLE pruned_step(           -- keys of results that a prune took, the last ones: to say so when one misses
        key TEXT PRIMARY KEY,
        pruned_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE cache_mount(           -- folders of RUN --mount=type=cache
        id TEXT PRIMARY KEY,            -- of its folder
        name TEXT NOT NULL,             -- namespace/id
        base TEXT NOT NULL,             -- what it began with, and its mode and owner when they were asked for
        description TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        size INTEGER                    -- bytes, NULL when it was used since it was measured
    ) WITHOUT ROWID;
    CREATE INDEX cache_mount_name ON cache_mount(name, base);
    """,
    """
    CREATE TABLE remote_file(           -- files of ADD behind URLs, the last ones: how to ask whether they are the same
        url TEXT PRIMARY KEY,
        etag TEXT NOT NULL,
        last_modified TEXT NOT NULL,    -- as the server writes it
        digest TEXT NOT NULL,
        used_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE tag_document(          -- what a tag means in a registry, where it is more than its image
        reference TEXT PRIMARY KEY,
        image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,  -- the tag's: of no use when it has moved on
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,       -- of an index, or of a manifest
        content BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX tag_document_digest ON tag_document(digest);
    CREATE TABLE document_blob(         -- what an index names besides images: attestations with all that is theirs
        document TEXT NOT NULL,         -- digest of the index
        digest TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY(document, digest)
    ) WITHOUT ROWID;
    """,
)
