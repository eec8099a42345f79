"""Networks of containers on one host: bridges, addresses, published ports.

    ipam*      subnets and addresses as numbers
    ruleset*   the text of the nft table
    files*     /etc/hosts and /etc/resolv.conf of a container
    store      networks, endpoints and ports as rows
    bridge     a network's bridge in the kernel, made on first use
    firewall   the root's nft table, and accepts where a host drops what it forwards
    connect    a container's network namespace to a network, and back
    ports      published ports
    upkeep     reconcile what is there with what lives; take everything away

Every function that changes elements of the nft table does so inside the transaction that changes their rows: the write
lock of the database orders them, and whoever writes the whole table from the rows, under the same lock, loses none.
"""
