# Version 3: a backup learns how often the holder speaks, and misses it by that. As a holder it speaks by its own interval.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=1000ms announce={repeat=0 gap=0ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 10ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > tell from=10.0.0.2 refused=interval{got=100ms} counted=true times=1
until 2000ms
  at 370.9375ms wake
         > take addresses=[10.0.0.100]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=silence{lasted=360.9375ms}
  at 1370.9375ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
