# A backup hears a holder with more right, misses it three intervals and a skew after its last word, and takes over.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] also=[10.0.0.101] announce={repeat=2 gap=1000ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=1000ms addresses=[10.0.0.100]}
at 1100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=1000ms addresses=[10.0.0.100]}
until 8000ms
  at 4709.375ms wake
         > take addresses=[10.0.0.100 10.0.0.101]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
         > announce addresses=[10.0.0.100 10.0.0.101]
         > changed from=backup to=active why=silence{lasted=3609.375ms}
  at 5709.375ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
         > announce addresses=[10.0.0.100 10.0.0.101]
  at 6709.375ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
  at 7709.375ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
# It comes back, and takes what it has more right to. Whoever goes says one more word, so that the other knows of it.
at 8100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=1000ms addresses=[10.0.0.100]}
       > release addresses=[10.0.0.100 10.0.0.101]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=1000ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=outranked{by=10.0.0.2 priority=200}
at 9100ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=1000ms addresses=[10.0.0.100]}
# It goes for good, and says so: the wait is the skew alone.
at 9500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=0 interval=1000ms addresses=[10.0.0.100]}
until 10500ms
  at 10109.375ms wake
         > take addresses=[10.0.0.100 10.0.0.101]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
         > announce addresses=[10.0.0.100 10.0.0.101]
         > changed from=backup to=active why=resigned{by=10.0.0.2}
at 10600ms shutdown
       > release addresses=[10.0.0.100 10.0.0.101]
       > send to=224.0.0.18 advert={vrid=7 priority=0 interval=1000ms addresses=[10.0.0.100]}
       > changed from=active to=initialize why=stopped
until 20000ms
