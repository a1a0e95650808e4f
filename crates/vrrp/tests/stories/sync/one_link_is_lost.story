# The holder is gone from one link only, and is heard on the other: nothing moves. It resigns on the other: both move.
config {inside={version=v3 vrid=1 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=100ms refresh=0ms}} outside={version=v3 vrid=2 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=1 gap=100ms refresh=0ms}}}

at 0ms startup
       > member name=inside action=changed{from=initialize to=backup why=started}
       > member name=outside action=changed{from=initialize to=backup why=started}
       > changed from=initialize to=backup
at 10ms member name=outside event=heard{from=10.1.0.2 to=224.0.0.18 advert={vrid=2 priority=200 interval=100ms addresses=[10.1.0.100]}}
at 200ms member name=outside event=heard{from=10.1.0.2 to=224.0.0.18 advert={vrid=2 priority=200 interval=100ms addresses=[10.1.0.100]}}
until 360ms
at 365ms member name=outside event=heard{from=10.1.0.2 to=224.0.0.18 advert={vrid=2 priority=200 interval=100ms addresses=[10.1.0.100]}}
at 400ms member name=outside event=heard{from=10.1.0.2 to=224.0.0.18 advert={vrid=2 priority=0 interval=100ms addresses=[10.1.0.100]}}
until 500ms
  at 460.9375ms wake
         > member name=inside action=take{addresses=[10.0.0.100]}
         > member name=inside action=send{to=224.0.0.18 advert={vrid=1 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > member name=inside action=announce{addresses=[10.0.0.100]}
         > member name=inside action=changed{from=backup to=active why=silence{lasted=460.9375ms}}
         > member name=outside action=take{addresses=[10.1.0.100]}
         > member name=outside action=send{to=224.0.0.18 advert={vrid=2 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > member name=outside action=announce{addresses=[10.1.0.100]}
         > member name=outside action=changed{from=backup to=active why=resigned{by=10.1.0.2}}
         > changed from=backup to=active
# Somebody with more right comes on one link: the other link is given up with it.
at 510ms member name=inside event=heard{from=10.0.0.2 to=224.0.0.18 advert={vrid=1 priority=200 interval=100ms addresses=[10.0.0.100]}}
       > member name=inside action=release{addresses=[10.0.0.100]}
       > member name=inside action=send{to=224.0.0.18 advert={vrid=1 priority=1 interval=100ms addresses=[10.0.0.100]}}
       > member name=inside action=changed{from=active to=backup why=outranked{by=10.0.0.2 priority=200}}
       > member name=outside action=release{addresses=[10.1.0.100]}
       > member name=outside action=send{to=224.0.0.18 advert={vrid=2 priority=0 interval=100ms addresses=[10.1.0.100]}}
       > member name=outside action=changed{from=active to=backup why=group{member=inside}}
       > changed from=active to=backup
until 800ms
# One of them must not: neither must the other, until no member has a reason of its own.
at 810ms member name=inside event=forbidden{cause=link why="eth0 is down"}
       > member name=inside action=changed{from=backup to=fault why=forbidden{cause=link why="eth0 is down"}}
       > member name=outside action=changed{from=backup to=fault why=forbidden{cause=group why="inside: eth0 is down"}}
       > changed from=backup to=fault
at 820ms member name=outside event=forbidden{cause=link why="eth1 is down"}
at 830ms member name=inside event=allowed{cause=link}
at 840ms member name=outside event=allowed{cause=link}
       > member name=inside action=changed{from=fault to=backup why=allowed}
       > member name=outside action=changed{from=fault to=backup why=allowed}
       > changed from=fault to=backup
at 850ms member name=nobody event=startup
at 860ms shutdown
       > member name=inside action=changed{from=backup to=initialize why=stopped}
       > member name=outside action=changed{from=backup to=initialize why=stopped}
       > changed from=backup to=initialize
