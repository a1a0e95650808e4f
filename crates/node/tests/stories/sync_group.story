# Two addresses that move together: the fault of one takes both away. That the master is elsewhere is no fault.
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
at 410ms link interface=eth1 fault="no carrier"
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > cut ips=[10.1.0.100]
       > remove interface=eth1 address=10.1.0.100/24
       > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.1.0.100]}}
       > will address=in remove=[] say=[]
       > will address=out remove=[] say=[]
       > changed address=in from=active to=fault priority=100 why="this host must not hold the addresses (group): out: the interface eth1: no carrier"
       > changed address=out from=active to=fault priority=100 why="this host must not hold the addresses (link): the interface eth1: no carrier"
       > group-changed group=both from=active to=fault
at 500ms link interface=eth1
       > changed address=in from=fault to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
       > changed address=out from=fault to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
       > group-changed group=both from=fault to=backup
until 900ms
  at 860.9375ms wake
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
at 950ms shutdown
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=in action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > cut ips=[10.1.0.100]
       > remove interface=eth1 address=10.1.0.100/24
       > router address=out action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.1.0.100]}}
       > will address=in remove=[] say=[]
       > will address=out remove=[] say=[]
       > changed address=in from=active to=initialize priority=100 why=stopped
       > changed address=out from=active to=initialize priority=100 why=stopped
       > group-changed group=both from=active to=initialize
       > ended
