# A partition heals: two hold the addresses, and this one has more right. The other is answered at once, and the network is told
# again where the addresses are, since it may have believed the other.
config version=v3 vrid=7 primary=10.0.0.9 addresses=[10.0.0.100] interval=100ms priority=200 start=active announce={repeat=2 gap=50ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
until 1000ms
  at 221.875ms wake
         > take addresses=[10.0.0.100]
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
         > announce addresses=[10.0.0.100]
         > changed from=backup to=active why=silence{lasted=221.875ms}
  at 271.875ms wake
         > announce addresses=[10.0.0.100]
  at 321.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 421.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 521.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 621.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 721.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 821.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
  at 921.875ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
at 1010ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > announce addresses=[10.0.0.100]
       > tell from=10.0.0.2 refused=rival{priority=100} counted=true times=1
until 1080ms
  at 1060ms wake
         > announce addresses=[10.0.0.100]
# The same priority, and a smaller address: the same.
at 1085ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
# Somebody goes that should not have been there.
at 1100ms heard from=10.0.0.3 to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
# A storm: answered an eighth of an interval after the last answer, not sooner.
at 1101ms heard from=10.0.0.3 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
at 1102ms heard from=10.0.0.3 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
at 1114ms heard from=10.0.0.3 to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > send to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > announce addresses=[10.0.0.100]
# The same priority, and a greater address: this one goes.
at 1120ms heard from=10.0.0.10 to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}
       > release addresses=[10.0.0.100]
       > send to=224.0.0.18 advert={vrid=7 priority=1 interval=100ms addresses=[10.0.0.100]}
       > changed from=active to=backup why=tie{by=10.0.0.10}
until 1400ms
