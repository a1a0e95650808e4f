# The kernel refuses the addresses: back to whoever can hold them, and another try after five seconds, then ten.
config version=v3 vrid=7 primary=fe80::1 addresses=[fe80::100] interval=100ms announce={repeat=1 gap=1000ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
until 365ms
  at 360.9375ms wake
         > take addresses=[fe80::100]
         > send to=ff02::12 advert={vrid=7 priority=100 interval=100ms addresses=[fe80::100]}
         > announce addresses=[fe80::100]
         > changed from=backup to=active why=silence{lasted=360.9375ms}
at 370ms not-taken why="RTNETLINK answers: Permission denied"
       > release addresses=[fe80::100]
       > send to=ff02::12 advert={vrid=7 priority=0 interval=100ms addresses=[fe80::100]}
       > changed from=active to=fault why=forbidden{cause=address why="RTNETLINK answers: Permission denied"}
until 5735ms
  at 5370ms wake
         > changed from=fault to=backup why=allowed
  at 5730.9375ms wake
         > take addresses=[fe80::100]
         > send to=ff02::12 advert={vrid=7 priority=100 interval=100ms addresses=[fe80::100]}
         > announce addresses=[fe80::100]
         > changed from=backup to=active why=silence{lasted=360.9375ms}
at 5740ms not-taken why="RTNETLINK answers: Permission denied"
       > release addresses=[fe80::100]
       > send to=ff02::12 advert={vrid=7 priority=0 interval=100ms addresses=[fe80::100]}
       > changed from=active to=fault why=forbidden{cause=address why="RTNETLINK answers: Permission denied"}
until 16110ms
  at 15740ms wake
         > changed from=fault to=backup why=allowed
  at 16100.9375ms wake
         > take addresses=[fe80::100]
         > send to=ff02::12 advert={vrid=7 priority=100 interval=100ms addresses=[fe80::100]}
         > announce addresses=[fe80::100]
         > changed from=backup to=active why=silence{lasted=360.9375ms}
