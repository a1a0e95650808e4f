# Who must not hold the addresses resigns at once, whatever the sort of reason; it takes part again when the last reason is gone.
config version=v2 vrid=130 primary=10.30.1.1 addresses=[10.30.1.100] start=active announce={repeat=1 gap=1000ms refresh=0ms}

at 0ms forbidden cause=health why="the check proxy has not yet passed"
at 1ms startup
       > changed from=initialize to=fault why=forbidden{cause=health why="the check proxy has not yet passed"}
at 500ms allowed cause=health
       > changed from=fault to=backup why=allowed
until 4200ms
  at 4109.375ms wake
         > take addresses=[10.30.1.100]
         > send to=224.0.0.18 advert={vrid=130 priority=100 interval=1000ms addresses=[10.30.1.100]}
         > announce addresses=[10.30.1.100]
         > changed from=backup to=active why=silence{lasted=3609.375ms}
at 4300ms ranked priority=80
       > send to=224.0.0.18 advert={vrid=130 priority=80 interval=1000ms addresses=[10.30.1.100]}
at 5000ms forbidden cause=health why="the check proxy fails"
       > release addresses=[10.30.1.100]
       > send to=224.0.0.18 advert={vrid=130 priority=0 interval=1000ms addresses=[10.30.1.100]}
       > changed from=active to=fault why=forbidden{cause=health why="the check proxy fails"}
at 5100ms forbidden cause=link why="eth0 is down"
at 6000ms allowed cause=health
until 7000ms
at 7100ms allowed cause=link
       > changed from=fault to=backup why=allowed
until 11000ms
  at 10787.5ms wake
         > take addresses=[10.30.1.100]
         > send to=224.0.0.18 advert={vrid=130 priority=80 interval=1000ms addresses=[10.30.1.100]}
         > announce addresses=[10.30.1.100]
         > changed from=backup to=active why=silence{lasted=3687.5ms}
at 11100ms shutdown
       > release addresses=[10.30.1.100]
       > send to=224.0.0.18 advert={vrid=130 priority=0 interval=1000ms addresses=[10.30.1.100]}
       > changed from=active to=initialize why=stopped
