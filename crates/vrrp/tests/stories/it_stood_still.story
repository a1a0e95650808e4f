# A host that was frozen is no witness of silence. As a backup it listens once more before it takes over, but not twice in a row: on a
# host that is always late somebody has to hold the addresses, too.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms preempt=never announce={repeat=0 gap=0ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 50ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=100ms addresses=[10.0.0.100]}
at 9000ms wake
at 9001ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=100ms addresses=[10.0.0.100]}
at 9700ms wake
at 10100ms wake
       > take addresses=[10.0.0.100]
       > send to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
       > changed from=backup to=active why=silence{lasted=1099ms}
# As a holder that others have long replaced it releases first, and listens then.
at 20000ms wake
       > release addresses=[10.0.0.100]
       > changed from=active to=backup why=froze{lasted=9900ms}
at 20050ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=100ms addresses=[10.0.0.100]}
until 20500ms
  at 20410.9375ms wake
         > take addresses=[10.0.0.100]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=silence{lasted=360.9375ms}
