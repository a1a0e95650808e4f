# The kernel refuses the addresses, and a host with less right can hold them: it keeps them, until an operator wants to try once more.
config version=v3 vrid=7 primary=fe80::1 addresses=[fe80::100] interval=100ms announce={repeat=0 gap=1000ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
until 365ms
  at 360.9375ms wake
         > take addresses=[fe80::100]
         > send to=ff02::12 advert={vrid=7 priority=100 interval=100ms addresses=[fe80::100]}
         > changed from=backup to=active why=silence{lasted=360.9375ms}
at 370ms not-taken why="RTNETLINK answers: Permission denied"
       > release addresses=[fe80::100]
       > send to=ff02::12 advert={vrid=7 priority=0 interval=100ms addresses=[fe80::100]}
       > changed from=active to=fault why=forbidden{cause=address why="RTNETLINK answers: Permission denied"}
until 5380ms
  at 5370ms wake
         > changed from=fault to=backup why=allowed
at 5400ms heard from=fe80::2 to=ff02::12 advert={vrid=7 priority=50 interval=100ms addresses=[fe80::100]}
at 5500ms heard from=fe80::2 to=ff02::12 advert={vrid=7 priority=50 interval=100ms addresses=[fe80::100]}
at 5600ms heard from=fe80::2 to=ff02::12 advert={vrid=7 priority=50 interval=100ms addresses=[fe80::100]}
at 5700ms heard from=fe80::2 to=ff02::12 advert={vrid=7 priority=50 interval=100ms addresses=[fe80::100]}
at 5800ms heard from=fe80::2 to=ff02::12 advert={vrid=7 priority=50 interval=100ms addresses=[fe80::100]}
at 5810ms allowed cause=address
at 5811ms claimed
       > send to=ff02::12 advert={vrid=7 priority=100 interval=100ms addresses=[fe80::100]}
       > changed from=backup to=active why=claimed
