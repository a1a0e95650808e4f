# An operator releases it, takes it back, and fetches it from a holder with less right, though preemption is off.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] priority=200 preempt=never interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=200 why=started
until 350ms
  at 321.875ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > put interface=eth0 address=10.0.0.100/24
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}}
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=vip
         > changed address=vip from=backup to=active priority=200 why="nobody was heard to hold the addresses for 321.875ms"
at 400ms wished address=vip wish=release
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=200 why="this host must not hold the addresses (operator): an operator has released it; `standfast address take` gives it back"
at 500ms router address=vip event=heard{from=10.0.0.2 to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
at 600ms wished address=vip wish=take
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}}
       > changed address=vip from=fault to=backup priority=200 why="takes the addresses when their holder has let go; 10.0.0.2 was last heard to hold them, with priority 100"
at 700ms wished address=nobody wish=take
at 800ms wished address=vip wish=preempt
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
       > put interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=200 interval=100ms addresses=[10.0.0.100]}}
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=200 why="an operator wants the addresses here"
