as_user shutdown -h +1
