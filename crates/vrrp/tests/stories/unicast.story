# Each peer has its copy; who is no peer is not heard, and what was sent to all is not for us.
config version=v2 vrid=5 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.101] peers=[10.0.0.2 10.0.0.3] priority=150 announce={repeat=0 gap=0ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 1000ms heard from=10.0.0.4 to=10.0.0.1 advert={vrid=5 priority=200 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
       > tell from=10.0.0.4 refused=stranger counted=false times=1
at 1000ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=5 priority=200 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
       > tell from=10.0.0.2 refused=destination{to=224.0.0.18} counted=false times=1
at 1001ms heard from=10.0.0.4 to=10.0.0.1 advert={vrid=5 priority=200 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
# Their order means nothing.
at 1500ms heard from=10.0.0.2 to=10.0.0.1 advert={vrid=5 priority=200 interval=1000ms addresses=[10.0.0.101 10.0.0.100]}
until 6000ms
  at 4914.0625ms wake
         > take addresses=[10.0.0.100 10.0.0.101]
         > send to=10.0.0.2 advert={vrid=5 priority=150 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
         > send to=10.0.0.3 advert={vrid=5 priority=150 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
         > changed from=backup to=active why=silence{lasted=3414.0625ms}
  at 5914.0625ms wake
         > send to=10.0.0.2 advert={vrid=5 priority=150 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
         > send to=10.0.0.3 advert={vrid=5 priority=150 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
at 6100ms shutdown
       > release addresses=[10.0.0.100 10.0.0.101]
       > send to=10.0.0.2 advert={vrid=5 priority=0 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
       > send to=10.0.0.3 advert={vrid=5 priority=0 interval=1000ms addresses=[10.0.0.100 10.0.0.101]}
       > changed from=active to=initialize why=stopped
