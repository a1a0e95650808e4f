# While it holds, it is told of another address and another interval: what stays is not let go for a moment.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.101] interval=1000ms announce={repeat=1 gap=100ms refresh=0ms}

at 0ms configured config={version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.102] interval=1000ms announce={repeat=1 gap=100ms refresh=0ms}}
at 1ms startup
       > changed from=initialize to=backup why=started
until 3700ms
  at 3610.375ms wake
         > take addresses=[10.0.0.100 10.0.0.102]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100 10.0.0.102]}
         > announce addresses=[10.0.0.100 10.0.0.102]
         > changed from=backup to=active why=silence{lasted=3609.375ms}
at 3800ms configured config={version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.102 10.0.0.103] interval=200ms announce={repeat=1 gap=100ms refresh=0ms}}
       > release addresses=[10.0.0.100]
       > take addresses=[10.0.0.103]
       > send to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.102 10.0.0.103]}
       > announce addresses=[10.0.0.102 10.0.0.103]
# Whoever has not yet been told so is not heard, but for the owner.
at 3850ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=1000ms addresses=[10.0.0.100 10.0.0.102]}
       > tell from=10.0.0.2 refused=addresses{got=2} counted=false times=1
until 4100ms
  at 4000ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.102 10.0.0.103]}
# Nothing new: said once more, nothing is taken or released.
at 4150ms configured config={version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.102 10.0.0.103] interval=200ms announce={repeat=1 gap=100ms refresh=0ms}}
       > send to=224.0.0.18 advert={vrid=7 priority=100 interval=200ms addresses=[10.0.0.102 10.0.0.103]}
       > announce addresses=[10.0.0.102 10.0.0.103]
at 4200ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=200ms addresses=[10.0.0.103 10.0.0.102]}
       > release addresses=[10.0.0.102 10.0.0.103]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=200ms addresses=[10.0.0.102 10.0.0.103]}
       > changed from=active to=backup why=outranked{by=10.0.0.2 priority=200}
