"""Networks of containers on one host: bridges, addresses, published ports.

    ipam*      subnets and addresses as numbers
    ruleset*   the text of the nft table
    files*     /etc/hosts and /etc/resolv.conf of a container
    drivers*   what the options of a network mean
    pools*     what belongs to which subnet of a network that is made
    store      networks as rows; creation makes them
    endpoints  places of containers in networks as rows
    published  published ports as rows; ports publishes them
    bridge     a network's bridge in the kernel, made on first use
    firewall   the root's nft tables, and accepts where a host drops what it forwards
    connect    a container's network namespace to a network, and back
    attachment the interface of a container
    upkeep     reconcile what is there with what lives; take everything away

Every function that changes elements of the nft table does so inside the transaction that changes their rows: the write
lock of the database orders them, and whoever writes the whole table from the rows, under the same lock, loses none.
"""
