"""Several copies of one model, each in a process of its own, that answer a run's requests together.

`engine` hands out leases of requests and counts every answer once; a Fleet starts the copies and carries messages:
`processes` on this machine, `ray_fleet` on a Ray cluster. One process, the run's own, writes the run folder.
"""
