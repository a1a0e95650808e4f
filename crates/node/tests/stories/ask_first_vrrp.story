# The same with VRRP: the router gives up what could not be taken, says so, and tries again by its own rule.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] ask-first=200ms proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why=started
until 465ms
  at 360.9375ms wake
         > ask interface=eth0 ip=10.0.0.100
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 460.9375ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > ask interface=eth0 ip=10.0.0.100
at 466ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
       > tell address=vip is-bad=true text="02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it. It was not put here, and is tried again after a pause. Was it given to two hosts?"
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=backup to=fault priority=100 why="this host must not hold the addresses (address): 02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it"
until 5465ms
until 6200ms
  at 5466ms wake
         > changed address=vip from=fault to=backup priority=100 why="nothing forbids this host to hold the addresses any more"
  at 5826.9375ms wake
         > ask interface=eth0 ip=10.0.0.100
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 5926.9375ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > ask interface=eth0 ip=10.0.0.100
  at 6026.9375ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > put interface=eth0 address=10.0.0.100/24
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=vip
         > changed address=vip from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
  at 6126.9375ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > tickle address=vip
