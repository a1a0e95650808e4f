# A holder with less right is left alone until it has been heard for the delay; then it is missed as if it were silent.
config version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=1000ms preempt=after(2500ms) announce={repeat=0 gap=0ms refresh=0ms}

at 0ms startup
       > changed from=initialize to=backup why=started
at 500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
at 1500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
at 2500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
at 3500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
at 4500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
at 5500ms heard from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=50 interval=1000ms addresses=[10.0.0.100]}
until 6500ms
  at 6109.375ms wake
         > send to=224.0.0.18 advert={vrid=7 priority=100 interval=1000ms addresses=[10.0.0.100]}
         > changed from=backup to=active why=preempted{holder=10.0.0.2 priority=50}
  at 6159.375ms wake
         > take addresses=[10.0.0.100]
