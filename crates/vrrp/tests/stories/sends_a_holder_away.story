# A holder with less right is sent away: it is told so first, and the addresses are taken when it has said its last word, not a moment before.
config version=v3 vrid=7 primary=10.0.0.9 addresses=[10.0.0.100] interval=100ms priority=200 announce={repeat=2 gap=50ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 10ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 110ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 210ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 310ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
until 321.875ms
  at 321.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=100}
# It speaks once more before it has heard that it is to go: no last word. That of somebody else is none, either.
at 322ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
at 323ms heard from=10.0.0.3 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
at 324ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > take addresses=[10.0.0.100]
       > announce addresses=[10.0.0.100]
until 600ms
  at 374ms wake
         > announce addresses=[10.0.0.100]
  at 422ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 522ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
# Whoever has more right still sends this one away. What it hears then is not what it sends away itself.
at 610ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=250 interval=100ms addresses=[10.0.0.100]}
       > release addresses=[10.0.0.100]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=outranked{by=10.0.0.2 priority=250}
at 710ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=250 interval=100ms addresses=[10.0.0.100]}
# Its priority falls. It goes without a word, as Keepalived does: for a moment nobody has the addresses.
at 810ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 910ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 1010ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
until 1090ms
  at 1031.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=100}
  at 1081.875ms wake
         > take addresses=[10.0.0.100]
         > announce addresses=[10.0.0.100]
# The least priority of one that never had more is no last word.
at 1100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=250 interval=100ms addresses=[10.0.0.100]}
       > release addresses=[10.0.0.100]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=outranked{by=10.0.0.2 priority=250}
at 1200ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
at 1300ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
at 1400ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
until 1421.875ms
  at 1421.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=1}
at 1425ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
until 1480ms
  at 1471.875ms wake
         > take addresses=[10.0.0.100]
         > announce addresses=[10.0.0.100]
# It has taken nothing yet when somebody with more right comes, or when it must not: nothing is released, and nobody is told that it has gone.
at 1500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=250 interval=100ms addresses=[10.0.0.100]}
       > release addresses=[10.0.0.100]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=outranked{by=10.0.0.2 priority=250}
at 1600ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 1700ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 1800ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
until 1822ms
  at 1821.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=100}
at 1825ms heard from=10.0.0.4 to=224.0.0.18 advert={vrid=7 priority=250 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=outranked{by=10.0.0.4 priority=250}
at 1900ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 2000ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 2100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
until 2147ms
  at 2146.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=100}
at 2150ms forbidden cause=health why="a check fails"
       > send to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=fault why=forbidden{cause=health why="a check fails"}
until 2300ms
# An operator wants it here, and it is told of another address while it waits. The holder resigns: it has gone, too.
at 2300ms allowed cause=health
       > changed from=fault to=backup why=allowed
at 2310ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
at 2320ms claimed
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > changed from=backup to=active why=claimed
at 2321ms configured config={version=v3 vrid=7 primary=10.0.0.9 addresses=[10.0.0.100] also=[10.0.0.101] interval=100ms priority=200 announce={repeat=2 gap=50ms refresh=0ms}}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
at 2322ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}
       > take addresses=[10.0.0.100 10.0.0.101]
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > announce addresses=[10.0.0.100 10.0.0.101]
at 2323ms shutdown
       > release addresses=[10.0.0.100 10.0.0.101]
       > send to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=initialize why=stopped
