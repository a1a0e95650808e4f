# A host that runs again after less than an interval has not yet read what reached it meanwhile: it reads that before its deadline counts.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms preempt=never announce={repeat=0 gap=0ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 50ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=100ms addresses=[10.0.0.100]}
at 450ms wake
at 451ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=100ms addresses=[10.0.0.100]}
# Where nobody was heard it waits no longer than for that.
at 850ms wake
until 900ms
  at 870ms wake
         > take addresses=[10.0.0.100]
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=silence{lasted=419ms}
