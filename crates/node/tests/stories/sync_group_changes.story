# Another address joins a sync group that holds: its hooks hear of it once when all are here, not as if the group had begun anew; and hear the
# end of the group when the file has none any more.
config addresses={in={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} out={interface=eth1 held=[10.1.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}} groups={both=[in out]}

at 0ms startup left=[] handed-over=false
       > changed address=in from=initialize to=backup priority=100 why=started
       > changed address=out from=initialize to=backup priority=100 why=started
       > group-changed group=both from=initialize to=backup
until 400ms
  at 360.9375ms wake
         > will address=in remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > put interface=eth0 address=10.0.0.100/24
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > will address=out remove=[[eth1 10.1.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.1.0.100]}}]
         > put interface=eth1 address=10.1.0.100/24
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > tickle address=in
         > tickle address=out
         > changed address=in from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
         > changed address=out from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
         > group-changed group=both from=backup to=active
at 410ms configured config={addresses={in={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} out={interface=eth1 held=[10.1.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} third={interface=eth2 held=[10.2.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.2.0.1 addresses=[10.2.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}} groups={both=[in out third]}}
       > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
       > will address=third remove=[[eth2 10.2.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.2.0.100]}}]
       > put interface=eth2 address=10.2.0.100/24
       > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
       > put interface=eth0 address=10.0.0.100/24
       > put interface=eth1 address=10.1.0.100/24
       > tickle address=third
       > changed address=third from=initialize to=active priority=100 why="nobody was heard to hold the addresses for 0ns"
until 1000ms
  at 460.9375ms wake
         > tickle address=in
         > tickle address=out
  at 510ms wake
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
         > tickle address=third
  at 610ms wake
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
  at 660.9375ms wake
         > tickle address=in
         > tickle address=out
  at 710ms wake
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
         > tickle address=third
  at 810ms wake
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
  at 910ms wake
         > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
  at 960.9375ms wake
         > tickle address=in
         > tickle address=out
at 1010ms configured config={addresses={in={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} out={interface=eth1 held=[10.1.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} third={interface=eth2 held=[10.2.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.2.0.1 addresses=[10.2.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}} groups={}}
       > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
       > router address=third action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.2.0.100]}}
       > put interface=eth0 address=10.0.0.100/24
       > put interface=eth1 address=10.1.0.100/24
       > put interface=eth2 address=10.2.0.100/24
       > tickle address=third
       > group-changed group=both from=active to=initialize
until 1100ms
